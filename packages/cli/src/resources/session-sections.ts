/** Sections of the session view (states, connections) and of the worker view (tags) (cli.md §3.6, 3.13). */
import { formatHostPort } from '../terminal/host-port.ts';
import { block, localTime, printable } from '../terminal/layout.ts';
import type { Json } from './resource-spec.ts';
import { asJson, cell, objectsOf, textsOf } from './table-view.ts';

function time(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? localTime(value) : undefined;
}

/** `States:`, newest first, an empty line after each. */
export function statesSection(item: Json, labelWidth: number): string[] {
  const states = objectsOf(item['states']);
  if (states.length === 0) return [];
  const lines = states.flatMap((state) => {
    const rows = {
      'End Time': time(state['end_time']),
      'Start Time': time(state['start_time']),
      Status: cell(state, { label: 'Status', field: 'status' }),
    };
    return [...block(rows, 4, labelWidth), ''];
  });
  return ['', '  States:', ...lines];
}

function address(connection: Json, side: 'client' | 'endpoint'): string | undefined {
  const host = connection[`${side}_tcp_address`];
  const port = connection[`${side}_tcp_port`];
  if (typeof host !== 'string' || host === '') return undefined;
  return formatHostPort(host, typeof port === 'number' ? port : 0);
}

/** `Connections:`, an empty line after each. */
export function connectionsSection(item: Json, labelWidth: number): string[] {
  const connections = objectsOf(item['connections']);
  if (connections.length === 0) return [];
  const lines = connections.flatMap((connection) => {
    const rows = {
      'Bytes Down': cell(connection, { label: 'Bytes Down', field: 'bytes_down' }),
      'Bytes Up': cell(connection, { label: 'Bytes Up', field: 'bytes_up' }),
      'Client Address': address(connection, 'client'),
      'Closed Reason': cell(connection, { label: 'Closed Reason', field: 'closed_reason' }),
      'Endpoint Address': address(connection, 'endpoint'),
    };
    return [...block(rows, 4, labelWidth), ''];
  });
  return ['', '  Connections:', ...lines];
}

const tagKinds = [
  ['Configuration', 'config_tags'],
  ['Api', 'api_tags'],
  ['Canonical', 'canonical_tags'],
] as const;

/** `Tags:` of a worker, by where they come from. */
export function tagsSection(item: Json): string[] {
  const lines = tagKinds.flatMap(([title, field]) => {
    const tags = Object.entries(asJson(item[field]));
    if (tags.length === 0) return [];
    const rows = Object.fromEntries(tags.map(([key, values]) => [key, textsOf(values)]));
    return [`    ${printable(title)}:`, ...block(rows, 6, 2)];
  });
  return lines.length === 0 ? [] : ['', '  Tags:', ...lines];
}
