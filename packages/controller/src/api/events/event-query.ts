/** The query of `GET /v1/events` as typed values; what is not legal is named (console.md §3.2). */
import { parseFilter, type Filter } from '@stile/protocol/filter';
import { StileError, type FieldError } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import type { Topic } from '../../events/viewer/stream-view.ts';
import type { Query } from '../http/query.ts';
import { isScopeId } from '../list/list-operation.ts';
import { refuseFaults, requestMessage } from '../schema/decode.ts';
import { isId } from '../schema/text-rules.ts';

/** What is asked for. */
export interface EventQuery {
  readonly topics: readonly Topic[];
  readonly scopeId: string;
  readonly isRecursive: boolean;
  readonly includeTerminated: boolean;
  /** As given; `''` = none. */
  readonly filterText: string;
  readonly filter: Filter | undefined;
  /** Sessions whose counters are wanted. */
  readonly ids: readonly string[];
}

/** Every topic. */
export const topics: readonly Topic[] = ['sessions', 'workers', 'overview'];
/** Most sessions whose counters one stream may want: what is on a screen. */
const mostIds = 100;

const wrongScope = 'This field must be a valid project scope ID or the event stream must be recursive.';

/** @throws {StileError} invalidArgument, naming every parameter that is not legal */
export function readEventQuery(query: Query): EventQuery {
  const faults: FieldError[] = [];
  const wanted = [...new Set(query.list('topic') ?? [])];
  const known = topics.filter((topic) => wanted.includes(topic));
  if (wanted.length === 0 || known.length < wanted.length) {
    faults.push({
      name: 'topic',
      description: `This parameter must be one or more of ${topics.join(', ')}.`,
    });
  }
  const isRecursive = query.flag('recursive');
  const needsProject = known.includes('sessions') && !isRecursive;
  const scopeId = query.text('scope_id') || globalScopeId;
  if (!isScopeId(scopeId, needsProject ? ['project'] : ['global', 'org', 'project'])) {
    faults.push({ name: 'scope_id', description: wrongScope });
  }
  const ids = [...new Set(query.list('ids') ?? [])];
  if (ids.length > mostIds || !ids.every((id) => isId(id, ['s']))) {
    faults.push({ name: 'ids', description: `This parameter must be at most ${mostIds} ids of sessions.` });
  }
  const filterText = query.text('filter');
  const filter = filterText === '' ? undefined : readFilter(filterText, faults);
  const includeTerminated = query.flag('include_terminated');
  refuseFaults(requestMessage, faults);
  return { topics: known, scopeId, isRecursive, includeTerminated, filterText, filter, ids };
}

function readFilter(text: string, faults: FieldError[]): Filter | undefined {
  try {
    return parseFilter(text);
  } catch (cause) {
    if (!(cause instanceof StileError)) throw cause;
    faults.push({ name: 'filter', description: `This field could not be parsed. ${cause.message}` });
    return undefined;
  }
}
