/** Recorded calls on scopes, users, groups and roles, in the order in which they need each other. */
import type { HostPort } from '@stile/runtime';
import { call } from './http-client.ts';
import type { ReplayChain, ReplayGround, ReplayStep } from './recorded-http.ts';

const step = (name: string, more: Omit<ReplayStep, 'name'> = {}): ReplayStep => ({ name, ...more });
type Instead = NonNullable<ReplayStep['instead']>;
const badRequest = (field: string): Instead => ({
  status: 400,
  kind: 'InvalidArgument',
  field,
});
const wrongVersion: Instead = { status: 404, kind: 'NotFound' };
const single = (...names: readonly string[]): readonly ReplayChain[] =>
  names.map((name) => ({ title: name, steps: [step(name)] }));

async function send(
  { address, tokens }: { readonly address: HostPort; readonly tokens: ReplayGround['tokens'] },
  method: string,
  path: string,
  body?: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const headers = { authorization: `Bearer ${tokens['admin'] ?? ''}` };
  const answer = await call(address, { method, path, headers, body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return (answer.json ?? {}) as Readonly<Record<string, unknown>>;
}

/** The id of the one item of a list with that name. */
async function idByName(ground: ReplayGround, path: string, name: string): Promise<string> {
  const { items } = await send(ground, 'GET', path);
  const item = (items as readonly Readonly<Record<string, unknown>>[]).find((each) => each['name'] === name);
  return String(item?.['id']);
}

/** Ids that a chain makes on the way are kept by what it found out before. */
type Before = NonNullable<ReplayStep['before']>;

/** Takes versions of a role as calls did that were not recorded. */
function bumped(name: string, changes: readonly object[]): Before {
  return async (ground) => {
    const id = await idByName(ground, '/v1/roles?scope_id=global', name);
    for (const change of changes) {
      const { version } = await send(ground, 'GET', `/v1/roles/${id}`);
      await send(ground, 'PATCH', `/v1/roles/${id}`, { version, ...change });
    }
    return {};
  };
}

const describedOnTheWay = [{ description: 'a' }, { description: null }];

/** In another order, in which the record has them by chance. */
const chance = ['actions', 'principal_ids', 'principals'];

const role = { '<r_id>': 'role' };
const roleChain: ReplayChain = {
  title: 'life of a role',
  steps: [
    step('roles-create', { ids: role }),
    step('roles-add-grants', { ids: role, loose: chance }),
    step('roles-add-grants-malformed', { ids: role }),
    step('roles-add-grants-empty', { ids: role }),
    step('roles-add-grants-id-field', { ids: role }),
    step('roles-add-grants-no-actions', { ids: role }),
    step('roles-add-grants-unknown-action', { ids: role }),
    step('roles-add-grants-unknown-type', { ids: role }),
    step('roles-add-grants-bad-id-value', { ids: role }),
    step('roles-add-grants-unknown-key', { ids: role, loose: chance }),
    step('roles-add-grants-bad-json', { ids: role }),
    step('roles-add-grants-no-type-wildcard', { ids: role }),
    step('roles-add-grants-spaces', { ids: role }),
    step('roles-add-grants-template-bad', { ids: role }),
    step('roles-add-grants-duplicate-key', { ids: role, instead: badRequest('grant_strings') }),
    step('roles-add-grants-unsupported-action-for-type', { ids: role, loose: chance }),
    step('roles-add-grants-auth-method-mixed-ids', { ids: role }),
    step('roles-add-grants-create-with-id', { ids: role }),
    step('roles-add-grants-bad-output-fields', { ids: role, instead: badRequest('grant_strings') }),
    step('roles-add-grants-wrong-version', { ids: role, instead: wrongVersion }),
    step('roles-update-wrong-version', { ids: role }),
    step('roles-add-grants-trailing-semicolon', {
      ids: role,
      before: bumped('fixture role', [{ description: 'a' }]),
    }),
    step('roles-add-grants-upper-case-action', {
      ids: role,
      before: bumped('fixture role', [{ description: null }]),
      instead: badRequest('grant_strings'),
    }),
    step('roles-add-grants-duplicate', {
      ids: role,
      before: bumped('fixture role', [{ name: 'another name' }]),
      instead: badRequest('grant_strings'),
    }),
    step('roles-set-grants-malformed', {
      ids: role,
      // The same sentence around the reason, which is in the words of our parser.
      instead: badRequest('grant_strings'),
    }),
  ],
};

/** The second half begins with a role that has come to version 7, by its own name. */
async function makeSecondRole(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const old = await idByName(ground, '/v1/roles?scope_id=global', 'another name');
  await send(ground, 'DELETE', `/v1/roles/${old}`);
  const made = await send(ground, 'POST', '/v1/roles', { scope_id: 'global', name: 'fixture role' });
  await bumped('fixture role', [...describedOnTheWay, ...describedOnTheWay, ...describedOnTheWay])(ground);
  return { role: String(made['id']) };
}

/** Two calls that were not recorded: the last principal goes, and a grant that is not there. */
const emptied: Before = async (ground) => {
  const id = await idByName(ground, '/v1/roles?scope_id=global', 'fixture role');
  const path = `/v1/roles/${id}`;
  await send(ground, 'POST', `${path}:set-principals`, { version: 11, principal_ids: [] });
  const grants = ['ids=*;type=group;actions=list'];
  await send(ground, 'POST', `${path}:remove-grants`, { version: 12, grant_strings: grants });
  return {};
};

const secondRoleChain: ReplayChain = {
  title: 'life of a role, its principals and grant scopes',
  steps: [
    step('roles-set-grants', { before: makeSecondRole, ids: role, loose: chance }),
    step('roles-remove-grants-not-present', { ids: role, loose: chance }),
    step('roles-add-principals', { ids: role, loose: chance }),
    step('roles-add-principals-bad-id', { ids: role }),
    step('roles-add-principals-empty', { ids: role }),
    step('roles-add-principals-recovery', { ids: role }),
    step('roles-add-principals-unknown', { ids: role, instead: badRequest('principal_ids') }),
    step('roles-set-principals', { ids: role, loose: chance }),
    step('roles-set-grant-scopes-descendants', { before: emptied, ids: role, loose: chance }),
    step('roles-set-grant-scopes-conflict', { ids: role, loose: chance }),
    step('roles-add-grant-scopes-unknown-value', { ids: role }),
    step('roles-set-grant-scopes-ids', { ids: role, loose: chance }),
    step('roles-remove-grants', { ids: role }),
    step('roles-add-grants-raw', { ids: role, loose: chance }),
    step('roles-read', { ids: role, loose: chance }),
    step('roles-list', { loose: ['est_item_count', 'version'] }),
  ],
};

const findDevRole: Before = async (ground) => ({
  role: await idByName(ground, '/v1/roles?scope_id=global', 'Authenticated User Grants'),
});

const group = { '<g_id>': 'group' };
const groupChain: ReplayChain = {
  title: 'life of a group',
  steps: [
    step('groups-create', { ids: group }),
    step('groups-add-members', { ids: group }),
    step('groups-add-members-bad-id', { ids: group }),
    step('groups-add-members-unknown-user', { ids: group, instead: badRequest('member_ids') }),
    step('groups-add-members-wrong-version', { ids: group, instead: wrongVersion }),
    step('groups-set-members', { ids: group }),
    step('groups-remove-members', { ids: group }),
    step('groups-read', { ids: group }),
  ],
};

async function makeUser(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const body = { scope_id: 'global', name: 'fixture user', description: 'd' };
  return { user: String((await send(ground, 'POST', '/v1/users', body))['id']) };
}

async function makeAccount(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const names = { name: 'for a user', attributes: { login_name: 'fixture' } };
  const made = await send(ground, 'POST', '/v1/accounts', { auth_method_id: 'ampw_1234567890', ...names });
  return { account: String(made['id']) };
}

/** Its login name is that of another chain's account. */
async function deleteAccount(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const id = await idByName(ground, '/v1/accounts?auth_method_id=ampw_1234567890', 'for a user');
  await send(ground, 'DELETE', `/v1/accounts/${id}`);
  return {};
}

const user = { '<u_id>': 'user' };
const userChain: ReplayChain = {
  title: 'life of a user',
  steps: [
    step('users-create-no-name', {}),
    step('users-create-trimmed-name', {}),
    step('users-create-duplicate-name', { before: makeUser, ids: user }),
    step('users-set-accounts-owned-by-other', {
      ids: user,
      instead: { status: 400, kind: 'FailedPrecondition' },
    }),
    step('users-update-wrong-version', { ids: user }),
    step('users-update', { ids: user }),
    step('users-list', { loose: ['est_item_count'] }),
    step('users-set-accounts', { before: makeAccount, ids: { ...user, '<acctpw_id>': 'account' } }),
    step('users-add-accounts-bad-id', { before: deleteAccount, ids: user }),
    step('users-add-accounts-owned-by-other', {
      ids: user,
      instead: { status: 400, kind: 'FailedPrecondition' },
    }),
  ],
};

async function makeDefaultScopes(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const org = await send(ground, 'POST', '/v1/scopes', { scope_id: 'global', name: 'Default roles org' });
  const orgId = String(org['id']);
  const project = await send(ground, 'POST', '/v1/scopes', {
    scope_id: orgId,
    name: 'Default roles project',
  });
  const projectId = String(project['id']);
  const inOrg = `/v1/roles?scope_id=${orgId}`;
  const inProject = `/v1/roles?scope_id=${projectId}`;
  return {
    org: orgId,
    project: projectId,
    orgAdministration: await idByName(ground, inOrg, 'Administration'),
    orgDefaults: await idByName(ground, inOrg, 'Login and Default Grants'),
    projectAdministration: await idByName(ground, inProject, 'Administration'),
    projectDefaults: await idByName(ground, inProject, 'Default Grants'),
  };
}

const org = { '<o_id>': 'org' };
/** The record lacks them where the creator's rights come from `descendants`; we show what the caller may do. */
const shown = ['authorized_collection_actions'];
const scopeChain: ReplayChain = {
  title: 'life of an org',
  steps: [
    step('scopes-create-org', { ids: org, added: shown }),
    step('scopes-create-org-roles-made', { ids: org }),
    step('scopes-create-project', { ids: { ...org, '<p_id>': 'project' } }),
    step('scopes-create-under-project', { ids: { '<p_id>': 'project' }, instead: badRequest('scope_id') }),
    step('scopes-update', { ids: org, added: shown }),
    step('scopes-update-wrong-version', { ids: org }),
    step('scopes-delete-again', {
      ids: org,
      before: async (ground) => {
        const id = await idByName(ground, '/v1/scopes?scope_id=global', 'Fixture Org renamed');
        await send(ground, 'DELETE', `/v1/scopes/${id}`);
        return {};
      },
    }),
    step('scopes-read-deleted', { ids: org }),
    step('scopes-create-skip-roles', { added: shown }),
  ],
};

const defaultRolesChain: ReplayChain = {
  title: 'the default roles of new scopes',
  steps: [
    step('scopes-create-org-role-administration', {
      before: makeDefaultScopes,
      ids: { ...org, '<r_id>': 'orgAdministration' },
    }),
    step('scopes-create-org-role-login-and-default-grants', {
      ids: { ...org, '<r_id>': 'orgDefaults' },
      loose: chance,
    }),
    step('scopes-create-project-role-administration', {
      ids: { ...org, '<p_id>': 'project', '<r_id>': 'projectAdministration' },
    }),
    step('scopes-create-project-role-default-grants', {
      ids: { ...org, '<p_id>': 'project', '<r_id>': 'projectDefaults' },
      loose: chance,
    }),
  ],
};

/** The chains of this part. */
export const iamChains: readonly ReplayChain[] = [
  ...single(
    'groups-list-include-all-anonymous',
    'roles-list-recursive-unprivileged',
    'scopes-create-bad-type',
    'scopes-create-by-unprivileged',
    'scopes-create-missing-scope-id',
    'scopes-delete-global',
    'scopes-list-keys',
    'scopes-rotate-keys',
    'users-create-bad-scope',
    'users-create-by-unprivileged',
    'users-create-empty-name',
    'users-create-missing-scope',
    'users-read-anon-user',
    'users-read-self-unprivileged',
    'users-read-unknown',
  ),
  {
    title: 'first users and roles',
    steps: [
      step('users-read', {}),
      step('roles-read-dev-authenticated-user-grants', {
        before: findDevRole,
        ids: role,
        loose: [...chance, 'version'],
      }),
      step('users-delete-anon', { instead: { status: 400, kind: 'FailedPrecondition' } }),
    ],
  },
  scopeChain,
  defaultRolesChain,
  userChain,
  groupChain,
  roleChain,
  secondRoleChain,
];
