import { describe, expect, test } from 'vitest';
import { TokenMask } from './token-mask.ts';

describe('a token mask', () => {
  test('without limits, or with the limits that are none, takes nothing away', () => {
    for (const mask of [new TokenMask(undefined, undefined), new TokenMask(['*'], ['*'])]) {
      expect(mask.isRestricted).toBe(false);
      expect(mask.refusalOf({ type: 'role', id: 'r_1' }, 'add-grants')).toBeUndefined();
      expect(mask.idsOf('target')).toBeUndefined();
    }
  });

  test('says which of its two halves refuses, the scopes first', () => {
    const mask = new TokenMask(['target:read'], ['target:ttcp_1']);
    expect(mask.isRestricted).toBe(true);
    expect(mask.refusalOf({ type: 'target', id: 'ttcp_1' }, 'read')).toBeUndefined();
    expect(mask.refusalOf({ type: 'target', id: 'ttcp_2' }, 'read')).toBe('allow list');
    expect(mask.refusalOf({ type: 'target', id: 'ttcp_2' }, 'delete')).toBe('token scope');
    expect(mask.refusalOf({ type: 'host', id: 'hst_1' }, 'read')).toBe('token scope');
  });

  test('lets a collection through by type:*, and lists by any entry of the type', () => {
    const one = new TokenMask(undefined, ['target:ttcp_1']);
    expect(one.allows({ type: 'target' }, 'list')).toBe(true);
    expect(one.allows({ type: 'target' }, 'create')).toBe(false);
    expect(one.allows({ type: 'host' }, 'list')).toBe(false);
    const whole = new TokenMask(undefined, ['target:*', 'host:hst_1']);
    expect(whole.allows({ type: 'target' }, 'create')).toBe(true);
    expect(whole.allows({ type: 'target', id: 'ttcp_9' }, 'read')).toBe(true);
    expect(whole.allows({ type: 'host' }, 'create')).toBe(false);
  });

  test('is exclusive: children of a named parent, and types that nobody mentioned, are out', () => {
    const mask = new TokenMask(undefined, ['host-catalog:hcst_1', 'scope:p_1']);
    expect(mask.allows({ type: 'host', id: 'hst_1' }, 'read')).toBe(false);
    expect(mask.allows({ type: 'target', id: 'ttcp_1' }, 'read')).toBe(false);
    expect([...(mask.idsOf('host') ?? ['all'])]).toEqual([]);
    expect([...(mask.idsOf('scope') ?? ['all'])]).toEqual(['p_1']);
  });

  test('has a key that tells every two masks apart', () => {
    const keys = [
      new TokenMask(undefined, undefined),
      new TokenMask(['target:read'], undefined),
      new TokenMask(undefined, ['target:*']),
      new TokenMask(['target:read'], ['target:*']),
      new TokenMask(['session:read', 'target:read'], undefined),
    ].map((mask) => mask.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
