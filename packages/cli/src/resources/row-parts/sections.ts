/** Sections of views that are more than a list of ids: states, connections, tags, members, principals (cli.md §3.6, 3.10, 3.13). */
import { formatHostPort } from '../../terminal/host-port.ts';
import { block, localTime, printable, row } from '../../terminal/layout.ts';
import type { Json, Section } from '../resource-spec.ts';
import { asJson, cell, objectsOf, plainList, textsOf } from '../table-view.ts';

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

/** A block of `ID` and `Scope ID` for each, an empty line after each: members of a group, accounts of a user. */
export function idsInScopes(heading: string, field: string): Section {
  return (item, labelWidth) => {
    const lines = objectsOf(item[field]).flatMap((each) => {
      const rows = {
        ID: cell(each, { label: 'ID', field: 'id' }),
        'Scope ID': cell(each, { label: 'Scope ID', field: 'scope_id' }),
      };
      return [...block(rows, 4, labelWidth), ''];
    });
    return lines.length === 0 ? [] : ['', `  ${heading}:`, ...lines];
  };
}

/** Column at which the values of a role's principals start, less their indent. */
const principalWidth = 14;

/** `Principals:` of a role (cli.md §3.10). */
export function principalsSection(item: Json): string[] {
  const lines = objectsOf(item['principals']).flatMap((each) => [
    ...row('ID', cell(each, { label: 'ID', field: 'id' }), 4, principalWidth),
    ...row('Type', cell(each, { label: 'Type', field: 'type' }), 6, principalWidth - 2),
    ...row('Scope ID', cell(each, { label: 'Scope ID', field: 'scope_id' }), 6, principalWidth - 2),
  ]);
  return lines.length === 0 ? [] : ['', '  Principals:', ...lines];
}

/** `Canonical Grants:` of a role. */
export function grantsSection(item: Json): string[] {
  const grants = objectsOf(item['grants']).flatMap((grant) => grant['canonical'] ?? []);
  return plainList('  Canonical Grants:', textsOf(grants));
}

/** `Grant Scope IDs:` of a role. */
export function grantScopesSection(item: Json): string[] {
  const lines = textsOf(item['grant_scope_ids']).flatMap((id) => row('ID', id, 4, principalWidth));
  return lines.length === 0 ? [] : ['', '  Grant Scope IDs:', ...lines];
}

/** `Plugin:` of what a plugin manages. */
export function pluginSection(item: Json, labelWidth: number): string[] {
  const plugin = asJson(item['plugin']);
  const rows = {
    ID: cell(plugin, { label: 'ID', field: 'id' }),
    Name: cell(plugin, { label: 'Name', field: 'name' }),
    Description: cell(plugin, { label: 'Description', field: 'description' }),
  };
  const lines = block(rows, 4, labelWidth);
  return lines.length === 0 ? [] : ['', '  Plugin:', ...lines];
}
