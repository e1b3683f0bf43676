/** `stile auth two-factor …` and `two-factor-auth`: the second factor of one's own account, and its settings (tokens.md §3.3, §5.1). */
import type { ApiClient } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import type { Secret } from '@stile/runtime/secret';
import type { Command, CommandContext, Flag } from '../../command.ts';
import { asJson, textsOf } from '../../resources/table-view.ts';
import { loginScopeFlag, whoAmI } from '../../sign-ins/people.ts';
import {
  codeFlag,
  codeQuestion,
  passwordFlag,
  passwordQuestion,
  secretOf,
} from '../../sign-ins/secret-source.ts';
import { signInAttempt, usage } from '../../sign-ins/sign-in-attempt.ts';
import { printable } from '../../terminal/layout.ts';
import { keyValueBox } from '../../terminal/styled-table.ts';
import { answerStatus, type ApiSession } from '../../tokens/api-session.ts';
import { primaryAuthMethod } from '../../tokens/primary-auth-method.ts';
import { tokenId } from '../../tokens/token-source.ts';
import { isValid, personWithAccount, usernameFlag } from './account.ts';
import { authCommand, groups, showValid } from './groups.ts';

const noun = 'two-factor';

/** State and settings, as the server says. */
interface TwoFactor {
  readonly isEnrolled: boolean;
  readonly isPending: boolean;
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

async function readState(client: ApiClient, userId: string): Promise<TwoFactor> {
  const { status, body } = await client.signIns.readTwoFactor(userId);
  const json = asJson(body);
  return { isEnrolled: json['enrolled'] === true, isPending: json['pending'] === true, status, json };
}

/** Keys of the table and the fields they show. */
const settings: readonly (readonly [key: string, field: string])[] = [
  ['enabled', 'enrolled'],
  ['policy', 'policy'],
  ['otp_digits', 'otp_digits'],
  ['interval', 'interval_seconds'],
  ['window', 'window'],
  ['recovery_codes_left', 'recovery_codes_left'],
];

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

/** The caller of a command and its state. */
interface Self {
  readonly id: string;
  readonly state: TwoFactor;
}

/**
 * Who calls, and where it stands. A sign-in that must enroll first may read nothing but its own auth token (tokens.md §5.1): that names the
 * user, who is not enrolled; whether a secret is pending, the confirmation says.
 */
async function selfAndState({ client, token }: ApiSession): Promise<Self> {
  try {
    const { id } = await whoAmI(client);
    return { id, state: await readState(client, id) };
  } catch (error) {
    if (token === undefined || answerStatus(error) !== 403) throw error;
    const { status, body } = await client.collection('auth-tokens').read(tokenId(token));
    const id = asJson(body)['user_id'];
    if (typeof id !== 'string') throw error;
    return { id, state: { isEnrolled: false, isPending: true, status, json: { enrolled: false } } };
  }
}

function showState({ output }: CommandContext, { status, json }: TwoFactor): number {
  if (output.isJson) output.printJson({ status_code: status, item: json });
  else output.print(keyValueBox(settings.map(([key, field]) => [key, shown(json[field])])).join('\n'));
  return 0;
}

async function config(context: CommandContext): Promise<number> {
  return signInAttempt(context, { verb: 'read', noun }, async ({ client }) => {
    const { id } = await whoAmI(client);
    return showState(context, await readState(client, id));
  });
}

/** Password, and the present code where there is one. */
async function ownSecrets(
  context: CommandContext,
  options: { needsCode: boolean },
): Promise<{ password: Secret; code: Secret | undefined }> {
  const password = await secretOf(context, passwordQuestion);
  return { password, code: options.needsCode ? await secretOf(context, codeQuestion) : undefined };
}

/** A new secret that waits for its first code. */
interface Enrolment {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

async function enrol(
  context: CommandContext,
  client: ApiClient,
  user: { readonly id: string; readonly isEnrolled: boolean },
): Promise<Enrolment> {
  const secrets = await ownSecrets(context, { needsCode: user.isEnrolled });
  const { status, body } = await client.signIns.changeTwoFactor(user.id, 'enroll-two-factor', secrets);
  return { status, json: asJson(body) };
}

function printCodes(context: CommandContext, status: number, body: unknown): number {
  const { output } = context;
  if (output.isJson) output.printJson({ status_code: status, item: body });
  else {
    output.print(textsOf(asJson(body)['recovery_codes']).map(printable).join('\n'));
    output.warn(
      'Each of these recovery codes works once instead of a code. They are shown this once: store them safely.',
    );
  }
  return 0;
}

async function confirm(context: CommandContext, client: ApiClient, userId: string): Promise<number> {
  const code = await secretOf(context, {
    ...codeQuestion,
    question: 'Code that your authenticator shows for the new secret: ',
  });
  const { status, body } = await client.signIns.changeTwoFactor(userId, 'confirm-two-factor', { code });
  return printCodes(context, status, body);
}

/** How often a code is asked for before the command gives up. */
const confirmTries = 3;

/** Whether the controller found fault with the code, and with nothing else. */
function isWrongCode(error: unknown): boolean {
  return (
    error instanceof StileError && error.details?.requestFields?.some(({ name }) => name === 'code') === true
  );
}

/** Asks for the first code of a new secret, again after a wrong one; the secret waits on when the command gives up. */
async function askToConfirm(context: CommandContext, client: ApiClient, userId: string): Promise<number> {
  for (let left = confirmTries - 1; ; left -= 1) {
    try {
      return await confirm(context, client, userId);
    } catch (error) {
      if (!isWrongCode(error) || left === 0) {
        context.output.warn(howToConfirm);
        throw error;
      }
      context.output.warn('The controller refused the code: give the one that the authenticator shows now.');
    }
  }
}

const howToConfirm =
  'Confirm within ten minutes with a code of it: stile auth two-factor update enabled=true -code env://CODE';

/** Shows a new secret, and confirms it where somebody can be asked for the first code. */
async function enrolAndConfirm(
  context: CommandContext,
  client: ApiClient,
  user: { readonly id: string; readonly isEnrolled: boolean },
): Promise<number> {
  const { output, streams } = context;
  const { status, json } = await enrol(context, client, user);
  const canAsk = streams.stdin.isTTY === true && !context.flags.isGiven('code');
  if (output.isJson) output.printJson({ status_code: status, item: json });
  else {
    const rows = ['secret', 'provisioning_uri', 'expires_time'].map(
      (key) => [key, shown(json[key])] as const,
    );
    output.print(keyValueBox(rows).join('\n'));
  }
  if (canAsk) return askToConfirm(context, client, user.id);
  output.warn(howToConfirm);
  return 0;
}

async function enable(context: CommandContext, session: ApiSession): Promise<number> {
  const { client } = session;
  const { id, state } = await selfAndState(session);
  if (state.isPending && context.flags.isGiven('code')) return confirm(context, client, id);
  if (state.isEnrolled) {
    context.output.warn(
      'The second factor is enabled already; "stile auth two-factor renew-secret" changes its secret.',
    );
    return showState(context, state);
  }
  return enrolAndConfirm(context, client, { id, isEnrolled: false });
}

async function disable(context: CommandContext, client: ApiClient): Promise<number> {
  const { id } = await whoAmI(client);
  const secrets = await ownSecrets(context, { needsCode: true });
  await client.signIns.changeTwoFactor(id, 'disable-two-factor', secrets);
  return showState(context, await readState(client, id));
}

/** Attributes of the auth method that `update` changes. */
function policyChanges({ flags }: CommandContext): Readonly<Record<string, unknown>> {
  const numbers = [
    ['otp-digits', 'otp_digits'],
    ['interval', 'otp_interval_seconds'],
    ['window', 'otp_window'],
  ] as const;
  const given = numbers.flatMap(([flag, field]) =>
    flags.isGiven(flag) ? [[field, flags.number(flag)] as const] : [],
  );
  const policy = flags.text('policy');
  return { ...Object.fromEntries(given), ...(policy === '' ? {} : { two_factor: policy }) };
}

async function changePolicy(
  context: CommandContext,
  client: ApiClient,
  attributes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { flags } = context;
  const id = flags.text('auth-method-id') || (await primaryAuthMethod(client, flags.text('scope-id')));
  await client.collection('auth-methods').update({ id, changes: { attributes } });
}

async function update(context: CommandContext): Promise<number> {
  const { flags } = context;
  const attributes = policyChanges(context);
  const hasPolicy = Object.keys(attributes).length > 0;
  if (!hasPolicy && !flags.isGiven('enabled'))
    throw usage('nothing to change: give enabled=, or policy=, otp_digits=, interval= or window=');
  return signInAttempt(context, { verb: 'update', noun }, async (session) => {
    const { client } = session;
    if (hasPolicy) await changePolicy(context, client, attributes);
    if (flags.isGiven('enabled'))
      return flags.bool('enabled') ? enable(context, session) : disable(context, client);
    const { id } = await whoAmI(client);
    return showState(context, await readState(client, id));
  });
}

async function provisioningUri(context: CommandContext): Promise<number> {
  const { output } = context;
  return signInAttempt(context, { verb: 'enroll', noun }, async (session) => {
    const { client } = session;
    const { id, state } = await selfAndState(session);
    const { isEnrolled } = state;
    const { status, json } = await enrol(context, client, { id, isEnrolled });
    if (output.isJson) output.printJson({ status_code: status, item: json });
    else output.print(printable(shown(json['provisioning_uri'])));
    output.warn(howToConfirm);
    return 0;
  });
}

async function renewSecret(context: CommandContext): Promise<number> {
  return signInAttempt(context, { verb: 'enroll', noun }, async (session) => {
    const { client } = session;
    const { id, state } = await selfAndState(session);
    const { isEnrolled } = state;
    return enrolAndConfirm(context, client, { id, isEnrolled });
  });
}

async function verify(context: CommandContext): Promise<number> {
  const code = await secretOf(context, codeQuestion);
  return signInAttempt(context, { verb: 'verify', noun }, async ({ client }) => {
    const { id } = await whoAmI(client);
    const { status, body } = await client.signIns.changeTwoFactor(id, 'verify-two-factor', { code });
    return showValid(context, status, isValid(body));
  });
}

async function recoveryCodes(context: CommandContext): Promise<number> {
  return signInAttempt(context, { verb: 'renew', noun: 'recovery codes' }, async ({ client }) => {
    const { id } = await whoAmI(client);
    const secrets = await ownSecrets(context, { needsCode: true });
    const { status, body } = await client.signIns.changeTwoFactor(id, 'renew-recovery-codes', secrets);
    return printCodes(context, status, body);
  });
}

async function twoFactorAuth(context: CommandContext): Promise<number> {
  const password = await secretOf(context, passwordQuestion);
  return signInAttempt(context, { verb: 'check', noun: 'password' }, async ({ client }) => {
    const { id, accountId } = await personWithAccount(context, client);
    const { status, body } = await client.signIns.checkPassword(accountId, password);
    const isEnrolled = isValid(body) && (await readState(client, id)).isEnrolled;
    return showValid(context, status, isEnrolled);
  });
}

const policyFlags: readonly Flag[] = [
  {
    name: 'policy',
    type: 'string',
    completes: ['off', 'optional', 'required'],
    help: 'Whether users of the auth method may or must have a second factor: off, optional or required.',
  },
  { name: 'otp-digits', type: 'uint', help: 'Digits of a code, 6 to 8; of those who enrol from now on.' },
  {
    name: 'interval',
    type: 'uint',
    help: 'Seconds that a code lasts, 15 to 120; of those who enrol from now on.',
  },
  {
    name: 'window',
    type: 'uint',
    help: 'How many codes before and behind the present one are taken, 0 to 2.',
  },
  {
    name: 'auth-method-id',
    type: 'string',
    env: 'AUTH_METHOD_ID',
    completesFrom: 'auth-method',
    help: 'Auth method whose settings change. Without it the primary one of the scope.',
  },
  { ...loginScopeFlag, help: 'Scope whose primary auth method has the settings.' },
];

/** The commands of this module. */
export const twoFactorCommands: readonly Command[] = [
  authCommand({
    path: 'auth two-factor config',
    summary: 'Show the second factor and its settings',
    description:
      'Shows whether you have a second factor, how many recovery codes are left, and the settings.',
    examples: ['stile auth two-factor config'],
    groups: groups([]),
    run: config,
  }),
  authCommand({
    path: 'auth two-factor update',
    summary: 'Enable or disable the second factor, or change its settings',
    description:
      'With enabled=true a new secret is shown, and a code of it asked for; then the recovery codes are shown, once. With enabled=false the second factor is removed. The other options are settings of the auth method, for administrators.',
    examples: [
      'stile auth two-factor update enabled=true -password env://PASSWORD',
      'stile auth two-factor update enabled=false -password env://PASSWORD -code env://CODE',
      'stile auth two-factor update policy=required otp_digits=8',
    ],
    groups: groups([
      {
        name: 'enabled',
        type: 'boolean',
        completes: ['true', 'false'],
        help: 'Whether you have a second factor.',
      },
      ...policyFlags,
      passwordFlag,
      codeFlag,
    ]),
    run: update,
  }),
  authCommand({
    path: 'auth two-factor provisioning-uri',
    summary: 'Print the address of a new secret for an authenticator',
    description:
      'Makes a new secret and prints its otpauth address, alone, on standard output, for a program that draws it. The old secret counts until the new one is confirmed.',
    examples: ['stile auth two-factor provisioning-uri -password env://PASSWORD'],
    groups: groups([passwordFlag, codeFlag]),
    run: provisioningUri,
  }),
  authCommand({
    path: 'auth two-factor renew-secret',
    summary: 'Change the secret of the second factor',
    description:
      'Makes a new secret and shows it; the old one counts until a code of the new one was given, for which you are asked.',
    examples: ['stile auth two-factor renew-secret -password env://PASSWORD -code env://CODE'],
    groups: groups([passwordFlag, codeFlag]),
    run: renewSecret,
  }),
  authCommand({
    path: 'auth two-factor verify',
    summary: 'Check a code of the second factor',
    description: 'Prints whether a code is right. A code that was right is used up.',
    examples: ['stile auth two-factor verify token=env://CODE'],
    groups: groups([{ ...codeFlag, alias: 'token' }]).map((group) => ({
      ...group,
      // Here "token" is the code, as TrueNAS has it; the auth token comes from environment or store.
      flags: group.flags.filter((flag) => flag.name !== 'token'),
    })),
    run: verify,
  }),
  authCommand({
    path: 'auth two-factor disable',
    summary: 'Remove the second factor',
    description: 'Removes your second factor and its recovery codes. It is refused where one is required.',
    examples: ['stile auth two-factor disable -password env://PASSWORD -code env://CODE'],
    groups: groups([passwordFlag, codeFlag]),
    run: (context) =>
      signInAttempt(context, { verb: 'disable', noun }, ({ client }) => disable(context, client)),
  }),
  authCommand({
    path: 'auth two-factor recovery-codes',
    summary: 'Make new recovery codes',
    description: 'Makes ten new recovery codes and shows them, once; the old ones are dead.',
    examples: ['stile auth two-factor recovery-codes -password env://PASSWORD -code env://CODE'],
    groups: groups([passwordFlag, codeFlag]),
    run: recoveryCodes,
  }),
  authCommand({
    path: 'auth two-factor-auth',
    summary: 'Check a password, and whether a code is asked for too',
    description:
      'Checks a password and prints whether the user has a second factor; false also for a wrong password. No token is made.',
    permission: 'account:change-password',
    examples: [
      'stile auth two-factor-auth -password env://PASSWORD',
      'stile auth two-factor-auth username=jeff',
    ],
    groups: groups([usernameFlag, passwordFlag, loginScopeFlag]),
    run: twoFactorAuth,
  }),
];
