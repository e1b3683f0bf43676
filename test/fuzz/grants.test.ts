// Property tests of the grant parser: every text is a grant with a stable canonical form, or a StileError.
import {
  actionsOf,
  grantJson,
  parseGrant,
  parseGrantForEvaluation,
  resourceTypes,
  StileError,
  validateGrantForWrite,
} from '@stile/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { valueOrStileError } from '../support/hostile-bytes.ts';

const ids = [
  '*',
  'ttcp_1',
  'hcst_1',
  'u_1',
  's_1',
  'global',
  'o_1',
  'w_1',
  '{{user.id}}',
  '{{.Account.Id}}',
  'x_1',
  '',
];
const types = [...resourceTypes, '*', 'controller', 'TARGET', ''];
const actions = [
  ...new Set(resourceTypes.flatMap((type) => [...actionsOf(type).id, ...actionsOf(type).collection])),
];

const list = (values: readonly string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 3 }).map((chosen) => chosen.join(','));
const segment = fc.oneof(
  list(ids).map((value) => `ids=${value}`),
  fc.constantFrom(...types).map((value) => `type=${value}`),
  list([...actions, '*', 'create', 'READ', '']).map((value) => `actions=${value}`),
  list(['id', 'name', '*', '']).map((value) => `output_fields=${value}`),
  fc.string({ unit: fc.constantFrom(...'ids=;,*{}" \u0000é\uD800'.split('')), maxLength: 12 }),
);
const grantText = fc.oneof(
  { weight: 5, arbitrary: fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(';')) },
  { weight: 1, arbitrary: fc.json().map((json) => `{${json}`) },
  {
    weight: 3,
    arbitrary: fc
      .record(
        {
          ids: fc.oneof(fc.array(fc.constantFrom(...ids), { maxLength: 3 }), fc.jsonValue()),
          type: fc.oneof(fc.constantFrom(...types), fc.jsonValue()),
          actions: fc.oneof(fc.array(fc.constantFrom(...actions), { maxLength: 3 }), fc.jsonValue()),
          output_fields: fc.oneof(fc.array(fc.string(), { maxLength: 3 }), fc.jsonValue()),
          zzz: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((object) => JSON.stringify(object)),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
);

describe('grant parser', () => {
  it('reads any text as a grant or refuses it, and the canonical form means the same', () => {
    let read = 0;
    fc.assert(
      fc.property(grantText, (text) => {
        const grant = valueOrStileError(() => parseGrant(text));
        if (grant instanceof StileError) {
          expect(grant.code).toBe('invalidArgument');
          return;
        }
        read += 1;
        const again = parseGrant(grant.canonical);
        expect(again.canonical).toBe(grant.canonical);
        expect(again.ids).toEqual(grant.ids);
        expect(again.type).toBe(grant.type);
        expect(again.actions.toSorted()).toEqual(grant.actions.toSorted());
        expect(again.outputFields?.toSorted()).toEqual(grant.outputFields?.toSorted());
        expect(parseGrant(JSON.stringify({ ...grantJson(again), type: again.type })).canonical).toBe(
          grant.canonical,
        );
      }),
      { numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(50);
  });

  it('never evaluates less than it lets be written, nor writes what it refuses', () => {
    fc.assert(
      fc.property(grantText, (text) => {
        const parsed = valueOrStileError(() => parseGrant(text));
        const evaluated = valueOrStileError(() => parseGrantForEvaluation(text));
        const written = valueOrStileError(() => validateGrantForWrite(text));
        if (parsed instanceof StileError) expect(written).toBeInstanceOf(StileError);
        else expect(evaluated).toEqual(parsed);
        if (written instanceof StileError) expect(written.details?.requestFields).toHaveLength(1);
        else expect(written).toEqual(parsed);
      }),
      { numRuns: 2000 },
    );
  });
});
