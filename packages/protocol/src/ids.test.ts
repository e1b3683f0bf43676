import { describe, expect, it } from 'vitest';
import { resourceTypeOfId } from './grant.ts';
import { idPrefix, idPrefixes, isIdOf, newId, randomBase62, type IdKind } from './ids.ts';

const kinds = Object.keys(idPrefixes) as IdKind[];

describe('ids', () => {
  it.each(kinds)('a new id of %s has its prefix and ten characters, and is one of its kind', (kind) => {
    const id = newId(kind);
    expect(id).toMatch(new RegExp(`^${idPrefixes[kind]}_[0-9A-Za-z]{10}$`));
    expect(isIdOf(id, kind)).toBe(true);
    expect(isIdOf(id, ...kinds.filter((other) => other !== kind))).toBe(false);
  });

  it('have the prefixes of the facts', () => {
    const facts =
      'authToken at, authMethodPassword ampw, accountPassword acctpw, org o, project p, user u, group g, role r, ' +
      'hostCatalogStatic hcst, hostSetStatic hsst, hostStatic hst, targetTcp ttcp, session s, worker w, alias alt';
    expect(idPrefixes).toMatchObject(Object.fromEntries(facts.split(', ').map((row) => row.split(' '))));
  });

  it('of resources are known to the grant tables by their prefix', () => {
    const resources = kinds.filter(
      (kind) => !['sessionConnection', 'controller', 'dataKey', 'rootKey'].includes(kind),
    );
    for (const kind of resources) expect([kind, resourceTypeOfId(newId(kind))]).not.toContain(undefined);
  });

  it.each([
    ['ttcp_', true],
    ['ttcp_x', true],
    ['ttcp_1234567890AZaz', true],
    ['ttcp', false],
    ['TTCP_1', false],
    ['ttcp_1_2', false],
    ['ttcp_1 ', false],
    ['ttcp_1\n', false],
    ['ttcp_ä', false],
    ['ttcp_../x', false],
    ['_1', false],
    ['', false],
  ])('%j is the id of a target: %s', (id, expected) => {
    expect(isIdOf(id, 'targetTcp')).toBe(expected);
  });

  it('have a prefix up to the first underscore', () => {
    expect([idPrefix('s_1'), idPrefix('global'), idPrefix('a_b_c'), idPrefix('')]).toEqual([
      's',
      'global',
      'a',
      '',
    ]);
  });
});

describe('random text', () => {
  it.each([0, 1, 10, 20, 1000])('has %i characters of the alphabet', (length) => {
    expect(randomBase62(length)).toMatch(new RegExp(`^[0-9A-Za-z]{${length}}$`));
  });

  it('uses every character about equally often (chi-square over 61 degrees of freedom, p < 0.000001)', () => {
    const counts = new Map<string, number>();
    for (const char of randomBase62(62_000)) counts.set(char, (counts.get(char) ?? 0) + 1);
    let chiSquare = 0;
    for (const count of counts.values()) chiSquare += (count - 1000) ** 2 / 1000;
    expect(counts.size).toBe(62);
    expect(chiSquare).toBeLessThan(130);
  });

  it('never comes twice', () => {
    const seen = new Set(Array.from({ length: 10_000 }, () => newId('session')));
    expect(seen.size).toBe(10_000);
  });
});
