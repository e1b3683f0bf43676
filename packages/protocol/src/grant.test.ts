import { describe, expect, it } from 'vitest';
import { StileError } from './errors.ts';
import {
  actionsOf,
  grantJson,
  isActionName,
  parseGrant,
  parseGrantForEvaluation,
  resourceTypeOfId,
  resourceTypes,
  templateOf,
  validateGrantForWrite,
} from './grant.ts';

/** grants.md §1.6, first table. */
const valid: readonly (readonly [grant: string, canonical?: string])[] = [
  ['ids=*;type=*;actions=read,list', 'ids=*;type=*;actions=list,read'],
  ['ids=*;type=TARGET;actions=READ', 'ids=*;type=target;actions=read'],
  ['{"ids":["*"],"type":"target","actions":["READ"]}', 'ids=*;type=target;actions=read'],
  ['ids=ttcp_1,tssh_2;actions=read'],
  ['ids=ttcp_1;type=target;actions=read'],
  ['ids=hcst_1;type=host-set;actions=create,list'],
  ['ids=hcst_1;type=*;actions=*'],
  ['ids=hcst_1;type=host-catalog;actions=read'],
  ['ids=hcst_1;actions=*'],
  ['ids=global;actions=read'],
  ['ids=o_1;actions=read'],
  ['type=target;actions=create,list'],
  ['type=worker;actions=create:worker-led,list'],
  ['ids=*;type=host-set;actions=list,create', 'ids=*;type=host-set;actions=create,list'],
  ['type=target;output_fields=id'],
  ['ids=ttcp_1;output_fields=name'],
  [
    'ids=*;type=target;actions=read;output_fields=id;output_fields=name',
    'ids=*;type=target;actions=read;output_fields=id,name',
  ],
  ['ids=*;type=target;actions=read;actions=list', 'ids=*;type=target;actions=list'],
  ['foo=bar;ids=*;type=target;actions=read', 'ids=*;type=target;actions=read'],
  ['ids={{account.id}},{{user.id}};actions=read'],
  [
    'ids={{ .Account.Id }};actions=read,change-password',
    'ids={{ .Account.Id }};actions=change-password,read',
  ],
  ['ids={{.User.Id}};type=user;actions=list-resolvable-aliases'],
  ['{"ids":[],"type":"target","actions":["list"]}', 'type=target;actions=list'],
  ['id=*;type=*;actions=*'],
  ['ids=*;type=billing;actions=monthly-active-users'],
  // §1.3 and §1.4, not in the table.
  ['ids={{user.id;actions=read'],
  ['ids=w_1;actions=create:worker-led,read'],
  [
    '{"ids":["*"],"type":"role","actions":["read"],"zzz":{},"output_fields":["name","id"]}',
    'ids=*;type=role;actions=read;output_fields=id,name',
  ],
  ['{"id":"ttcp_1","actions":["read"]}', 'id=ttcp_1;actions=read'],
  ['ids=*;type=session;actions=authenticate'],
];

/** grants.md §1.6, second table. */
const invalid: readonly (readonly [grant: string, reason: string])[] = [
  ['', 'missing grant'],
  ['ids=*', 'missing actions'],
  ['type=target', 'missing actions'],
  ['ids=*;type=target', 'missing actions'],
  ['ids=*;actions=read', 'needs a type'],
  ['actions=read', 'neither ids nor a type'],
  ['output_fields=name', 'neither ids nor a type'],
  ['type=*;actions=list', 'needs ids'],
  ['type=*;actions=*', 'needs ids'],
  ['type=host-catalog;actions=read', 'only "create" and "list"'],
  ['type=host-catalog;actions=*', 'only "create" and "list"'],
  ['type=session;actions=list,read:self', 'only "create" and "list"'],
  ['type=worker;actions=create:worker-led,create:controller-led', 'one "create" and one "list"'],
  ['type=scope;actions=list-keys', 'only "create" and "list"'],
  ['type=billing;actions=monthly-active-users', 'only "create" and "list"'],
  ['type=host-set;actions=create', 'never authorize'],
  ['type=account;actions=create', 'never authorize'],
  ['ids=hcst_1;type=host-catalog;actions=create', 'never authorize'],
  ['ids=ttcp_1;actions=create', 'specific id'],
  ['ids=ttcp_1;actions=list', 'specific id'],
  ['ids=ttcp_1;actions=create,read', 'specific id'],
  ['ids=ttcp_1,hcst_2;actions=read', 'different resource types'],
  ['ids={{user.id}},u_1234567890;actions=read', 'different resource types'],
  ['ids=ttcp_1,*;type=target;actions=read', '"*" may not be combined'],
  ['id=ttcp_1;ids=ttcp_2;actions=read', 'both "id" and "ids"'],
  ['ids=ttcp_1;type=host;actions=read', 'not a child type'],
  ['ids=hcst_1;type=target;actions=read', 'not a child type'],
  ['ids=o_1;type=role;actions=create', 'not a child type'],
  ['ids=ttcp_1;type=*;actions=read', 'no child types'],
  ['ids=hst_1;type=*;actions=read', 'no child types'],
  ['ids=o_1;type=*;actions=*', 'no child types'],
  ['ids=foo_1;actions=read', 'unknown prefix'],
  ['ids=foobar;actions=read', 'unknown prefix'],
  ['ids=*;type=foo;actions=read', 'unknown type'],
  ['ids=*;type=controller;actions=read', 'unknown type'],
  ['ids=*;type=unknown;actions=read', 'unknown type'],
  ['{"ids":["*"],"type":"TARGET","actions":["READ"]}', 'unknown type'],
  ['ids=*;type=target;actions=foo', 'unknown action'],
  ['ids=*;type=target;actions=unknown', 'unknown action'],
  ['ids=*;type=target;actions=read,*', '"*" may not be combined'],
  ['ids=*;type=target;actions=read,,list', 'empty action'],
  ['ids=*;type=target;actions=', 'missing value'],
  ['ids=;type=target;actions=read', 'missing value'],
  ['ids=ttcp_1,;actions=read', 'empty id'],
  ['ids=*;type=target;actions=read;', 'wrong number of equal signs'],
  ['ids=*; type=target;actions=read', 'needs a type'],
  ['ids=*;type=target;actions=read, list', 'unknown action'],
  ['ids={{superman}};actions=read', 'unknown template'],
  ['ids={{.user.id}};actions=read', 'unknown template'],
  ['ids={{.User.Id}};type=target;actions=read', 'not a child type'],
  ['{"ids":"*","type":"target","actions":["read"]}', 'array of strings'],
  ['{"ids":["*"],"type":"target","actions":"read"}', 'array of strings'],
  ['{"ids":["*"]', 'no legal JSON'],
  // §1.1 and §1.4, not in the table.
  ['{"ids":["ttcp_1,ttcp_2"],"actions":["read"]}', 'may not contain'],
  ['{"ids":[null],"actions":["read"]}', 'made of strings'],
  ['{"ids":["*"],"type":"target","actions":[]}', 'missing actions'],
  ['ids=ttcp_1=2;actions=read', 'wrong number of equal signs'],
  ['=x;ids=*;type=*;actions=*', 'missing key'],
  ['foo=;ids=*;type=*;actions=*', 'missing value'],
  ['ids=hst_1;type=host;actions=read', 'not a child type'],
  ['ids=w_1;actions=create:worker-led', 'never authorize'],
  [`ids=*;type=target;actions=${'read,'.repeat(7000)}read`, 'longer than'],
];

const failure = (work: () => unknown): StileError => {
  try {
    work();
  } catch (error) {
    if (error instanceof StileError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('grant parser', () => {
  it.each(valid.map(([grant, canonical = grant]) => [grant, canonical] as const))(
    'accepts %s',
    (grant, canonical) => {
      const parsed = parseGrant(grant);
      expect(parsed.canonical).toBe(canonical);
      expect(parsed.raw).toBe(grant);
      expect(parseGrant(parsed.canonical).canonical).toBe(parsed.canonical);
    },
  );

  it.each(invalid)('refuses %s', (grant, reason) => {
    const error = failure(() => parseGrant(grant));
    expect(error.code).toBe('invalidArgument');
    expect(error.message).toContain(reason);
  });

  it('keeps an illegal shape for evaluation, where it allows nothing', () => {
    expect(parseGrantForEvaluation('ids=ttcp_1;type=host;actions=read').type).toBe('host');
    expect(parseGrantForEvaluation('type=host-set;actions=create').ids).toEqual([]);
    expect(failure(() => parseGrantForEvaluation('ids=*;type=target;actions=foo')).code).toBe(
      'invalidArgument',
    );
  });

  it('replaces what is no Unicode by U+FFFD', () => {
    expect(parseGrant('ids=*;type=target;actions=read;output_fields=a\uD800').outputFields).toEqual([
      'a\uFFFD',
    ]);
  });

  it('names the keys it drops', () => {
    expect(parseGrant('ids=*;type=target;actions=read;zzz=1').unknownKeys).toEqual(['zzz']);
    expect(parseGrant('ids=*;type=target;actions=read; type=x').unknownKeys).toEqual([' type']);
  });

  it('tells empty output fields from absent ones', () => {
    expect(parseGrant('ids=*;type=target;actions=read;output_fields=').outputFields).toEqual([]);
    expect(parseGrant('{"ids":["*"],"type":"target","output_fields":[]}').outputFields).toEqual([]);
    expect(parseGrant('ids=*;type=target;actions=read').outputFields).toBeUndefined();
  });

  it.each([
    ['{{user.id}}', 'user'],
    ['{{ .User.Id }}', 'user'],
    ['{{account.id}}', 'account'],
    ['{{.Account.Id', 'account'],
    ['{{.user.id}}', 'unknown'],
    ['{{}}', 'unknown'],
    ['{{', 'unknown'],
    ['u_1', undefined],
  ])('reads the template %s as %s', (id, name) => {
    expect(templateOf(id)).toBe(name);
  });
});

describe('JSON form of a grant', () => {
  // Recorded: roles-read-dev-authenticated-user-grants, roles-add-grants.
  it.each([
    ['ids=*;type=scope;actions=read', { ids: ['*'], type: 'scope', actions: ['read'] }],
    [
      'ids={{.Account.Id}};actions=read,change-password',
      { ids: ['{{.Account.Id}}'], type: 'unknown', actions: ['read', 'change-password'] },
    ],
    [
      'ids=*;type=session;actions=list,read:self,cancel:self',
      { ids: ['*'], type: 'session', actions: ['list', 'read:self', 'cancel:self'] },
    ],
    [
      'ids={{.User.Id}};type=user;actions=list-resolvable-aliases',
      { ids: ['{{.User.Id}}'], type: 'user', actions: ['list-resolvable-aliases'] },
    ],
    ['type=session;actions=list', { type: 'session', actions: ['list'] }],
    ['{"ids":["*"],"type":"group","actions":["list"]}', { ids: ['*'], type: 'group', actions: ['list'] }],
    ['id=ttcp_1;actions=read', { id: 'ttcp_1', type: 'unknown', actions: ['read'] }],
    ['ids=ttcp_1;output_fields=name', { ids: ['ttcp_1'], type: 'unknown', output_fields: ['name'] }],
  ])('of %s is as recorded', (grant, json) => {
    expect(grantJson(parseGrant(grant))).toEqual(json);
  });
});

describe('writing a grant', () => {
  const described = (grant: string, options = {}): string | undefined => {
    const error = failure(() => validateGrantForWrite(grant, options));
    expect([error.code, error.message]).toEqual(['invalidArgument', 'Errors in provided fields.']);
    expect(error.details?.requestFields?.[0]?.name).toBe('grant_strings');
    return error.details?.requestFields?.[0]?.description;
  };

  // Recorded: roles-add-grants-*.
  it.each([
    ['', 'Grant strings must not be empty.'],
    ['zzz', 'Improperly formatted grant "zzz".'],
    ['{"ids":', 'Improperly formatted grant "{\\"ids\\":".'],
    [
      ' ids=*; type=target; actions=read ',
      'Improperly formatted grant " ids=*; type=target; actions=read ".',
    ],
    [
      'id=*;type=target;actions=read',
      'Grant "id=*;type=target;actions=read" uses the "id" field which is no longer supported. Please use "ids" instead.',
    ],
    [
      'ids=u_1234567890;type=user;actions=create',
      'Improperly formatted grant "ids=u_1234567890;type=user;actions=create".',
    ],
  ])('answers %s with the recorded text', (grant, text) => {
    expect(described(grant)).toBe(text);
  });

  it('adds the reason when asked to', () => {
    expect(described('zzz', { explain: true })).toBe(
      'Improperly formatted grant "zzz": segment "zzz" not formatted correctly, wrong number of equal signs.',
    );
  });

  it('refuses obsolete actions and empty output fields, except for removal', () => {
    for (const grant of [
      'ids=*;type=target;actions=add-host-sets',
      'ids=*;type=target;actions=read;output_fields=',
      'id=ttcp_1;actions=read',
    ]) {
      described(grant);
      expect(validateGrantForWrite(grant, { forRemoval: true }).raw).toBe(grant);
    }
  });

  it('lets unknown keys and actions of other types pass', () => {
    expect(validateGrantForWrite('ids=*;type=target;actions=read;zzz=1').canonical).toBe(
      'ids=*;type=target;actions=read',
    );
    expect(validateGrantForWrite('ids=*;type=session;actions=authorize-session').actions).toEqual([
      'authorize-session',
    ]);
  });
});

describe('grant tables', () => {
  it('know every action of every type by name', () => {
    for (const type of resourceTypes) {
      for (const action of [...actionsOf(type).id, ...actionsOf(type).collection]) {
        expect(isActionName(action)).toBe(true);
        expect(parseGrant(`ids=*;type=${type};actions=${action}`).type).toBe(type);
      }
    }
  });

  it('list the actions of a target as recorded', () => {
    expect(actionsOf('target').id.toSorted()).toEqual([
      'add-credential-sources',
      'add-host-sources',
      'authorize-session',
      'delete',
      'no-op',
      'read',
      'remove-credential-sources',
      'remove-host-sources',
      'set-credential-sources',
      'set-host-sources',
      'update',
    ]);
  });

  it.each([
    ['global', 'scope'],
    ['p_1', 'scope'],
    ['ttcp_1234567890', 'target'],
    ['trdp_1', 'target'],
    ['h_1', 'host'],
    ['acctpw_1', 'account'],
    ['cdvlt_1', 'credential'],
    ['constructor', undefined],
    ['__proto__', undefined],
    ['', undefined],
  ])('find the type of %s', (id, type) => {
    expect(resourceTypeOfId(id)).toBe(type);
  });
});
