/** `/v1/billing`: who used the installation, month by month (http-api.md §2.17). */
import type { FieldError } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import { monthOf } from '../../session/session.ts';
import { ok, operation, type Operation } from '../operation.ts';
import { refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { shownList, shownTime } from '../schema/shared-fields.ts';
import type { ApiServices } from '../services.ts';
import { readScope, resourceIn } from './item.ts';

const schema = schemaOf('MonthlyActiveUsers', {
  items: {
    ...shownList({
      count: {
        kind: 'uint32',
        access: 'output',
        isAlwaysShown: true,
        summary: 'Users who were given a session in that time.',
      },
      start_time: shownTime,
      end_time: { ...shownTime, summary: 'Up to here, not including it.' },
    }),
    summary: 'The latest month first.',
  },
});

/** Longest span, months: ten years. */
const mostMonths = 120;
const monthPattern = /^(?:19|2\d)\d{2}-(?:0[1-9]|1[0-2])$/;

/** Months from `first` to before `end`. */
interface Months {
  readonly first: string;
  readonly end: string;
}

/** The month that comes `count` months after another. */
function monthAfter(month: string, count: number): string {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return new Date(Date.UTC(year, number - 1 + count, 1)).toISOString().slice(0, 7);
}

function monthProblem(name: string, value: string): readonly FieldError[] {
  const isLegal = value === '' || monthPattern.test(value);
  return isLegal ? [] : [{ name, description: 'This field must be a month, written as YYYY-MM.' }];
}

/**
 * The months asked for: with nothing given this month and the one before; with a start alone from there to this month.
 * @throws {StileError} invalidArgument naming what is wrong
 */
function monthsOf(start: string, end: string, now: string): Months {
  const errors: FieldError[] = [...monthProblem('start_time', start), ...monthProblem('end_time', end)];
  if (errors.length === 0 && start === '' && end !== '') {
    errors.push({ name: 'start_time', description: 'This field is required when end_time is given.' });
  }
  const first = start === '' ? monthAfter(now, -1) : start;
  const last = end === '' ? monthAfter(now, 1) : end;
  if (errors.length === 0 && start > now) {
    errors.push({ name: 'start_time', description: 'This field must not be a month to come.' });
  }
  if (errors.length === 0 && first >= last) {
    errors.push({ name: 'start_time', description: 'This field must be before end_time.' });
  }
  if (errors.length === 0 && monthAfter(first, mostMonths) < last) {
    errors.push({ name: 'start_time', description: `At most ${mostMonths} months can be asked for.` });
  }
  refuseFaults(requestMessage, errors);
  return { first, end: last };
}

const timeOf = (month: string): number => Date.parse(`${month}-01T00:00:00Z`) * 1000;

/** The rows of `/v1/billing`. */
export function billingOperations(services: ApiServices): readonly Operation[] {
  return [
    operation({
      resource: 'billing',
      verb: 'monthly-active-users',
      method: 'GET',
      on: 'collection',
      summary: 'Counts the users who were given a session, month by month (UTC).',
      query: [
        {
          name: 'start_time',
          type: 'string',
          summary: 'First month, `YYYY-MM`. Default: the month before this one.',
        },
        {
          name: 'end_time',
          type: 'string',
          summary: 'The month after the last one, `YYYY-MM`. Default: the next one.',
        },
      ],
      response: { schema },
      permission: { type: 'billing', action: 'monthly-active-users' },
      parse: ({ query }) =>
        monthsOf(query.text('start_time'), query.text('end_time'), monthOf(services.clock.nowUs())),
      locate: async () => {
        const scope = await readScope(services.scopes, globalScopeId);
        return { resource: resourceIn(scope, 'billing') };
      },
      act: async ({ input, visible }) => {
        const counts = await services.sessions.activeUsers(input.first, input.end);
        const nowUs = services.clock.nowUs();
        const items: { count: number; start_time: number; end_time: number }[] = [];
        for (
          let month = input.first;
          month < input.end && timeOf(month) <= nowUs;
          month = monthAfter(month, 1)
        ) {
          items.unshift({
            count: counts.get(month) ?? 0,
            start_time: timeOf(month),
            end_time: Math.min(timeOf(monthAfter(month, 1)), nowUs),
          });
        }
        return ok(renderItem(schema, { items }, visible));
      },
    }),
  ];
}
