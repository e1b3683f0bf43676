/** Verbs of the second factor on `/v1/users/{id}` (tokens.md §5.1): all for the user itself, but for reading and resetting. */
import type { FieldError } from '@stile/protocol/errors';
import { Secret } from '@stile/runtime';
import type { SecondFactorState } from '../../auth/second-factor/second-factor-service.ts';
import type { ActionPermission, Located } from '../access.ts';
import type { JsonObject } from '../http/body.ts';
import { ok, operation, type Answer, type Call, type Operation, type Step } from '../operation.ts';
import { decodeKinds, given, refuseFaults, requestMessage } from '../schema/decode.ts';
import { schemaOf, type FieldTable, type Output, type Schema } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { shownText, shownTime } from '../schema/shared-fields.ts';
import type { ApiServices } from '../services.ts';
import { revocationValues } from './auth-token-fields.ts';
import { readScope, required, requirePathId, resourceIn } from './item.ts';

const shownNumber = { kind: 'uint32', access: 'output', isAlwaysShown: true } as const;
const shownFlag = { kind: 'bool', access: 'output', isAlwaysShown: true } as const;

const twoFactorFields: FieldTable = {
  enrolled: { ...shownFlag, summary: 'Whether logins ask for a code.' },
  pending: { ...shownFlag, summary: 'Whether a secret was shown and waits for its first code.' },
  policy: {
    ...shownText,
    summary: '`off`, `optional` or `required`: the strictest of the auth methods of the user.',
  },
  otp_digits: shownNumber,
  interval_seconds: shownNumber,
  window: { ...shownNumber, summary: 'Intervals before and after the present one whose codes are taken.' },
  recovery_codes_left: shownNumber,
  last_used_time: { ...shownTime, summary: 'When a code was last accepted.' },
};

const stateSchema = schemaOf('TwoFactor', twoFactorFields);
const resetSchema = schemaOf('ResetTwoFactorResponse', {
  ...twoFactorFields,
  revocation: { kind: 'json', access: 'output', summary: 'What ended with it.' },
});

const password = {
  kind: 'string',
  access: 'change',
  isWriteOnly: true,
  summary: 'The password of the login.',
} as const;
const code = {
  kind: 'string',
  access: 'change',
  isWriteOnly: true,
  summary: 'A code of the authenticator app, or a recovery code.',
} as const;

const enrollRequest = schemaOf('EnrollTwoFactorRequest', {
  password,
  code: { ...code, summary: 'For who has enrolled: a code of the secret in force.' },
});
const enrollResponse = schemaOf('EnrollTwoFactorResponse', {
  secret: { ...shownText, summary: 'Base32, shown once.' },
  provisioning_uri: { ...shownText, summary: 'What the QR code for the authenticator app holds.' },
  expires_time: { ...shownTime, summary: 'Until when the first code must be confirmed.' },
});
const codeRequest = schemaOf('TwoFactorCodeRequest', { code });
const proofRequest = schemaOf('TwoFactorProofRequest', { password, code });
const recoveryCodes = schemaOf('RecoveryCodes', {
  recovery_codes: {
    kind: 'strings',
    access: 'output',
    summary: 'Ten codes for when the device is lost, each good once; shown once.',
  },
});
const verifyResponse = schemaOf('VerifyTwoFactorResponse', {
  valid: { ...shownFlag, summary: 'Whether the code was right; then it is used up.' },
});

const prefixes = ['u'];
const own: ActionPermission = { type: 'user', action: 'update', isOwnersAlone: true };

interface Input {
  readonly userId: string;
  readonly password: Secret;
  /** Undefined when the body had none; null is a code, and a wrong one. */
  readonly code: Secret | undefined;
}

/** Reads the texts that a request may hold; `demanded` ones must be there. @throws {StileError} invalidArgument */
function readInput({ id, body }: Call, request: Schema, demanded: readonly ('password' | 'code')[]): Input {
  const userId = requirePathId(id, 'action', prefixes);
  const errors: FieldError[] = [];
  const decoded = decodeKinds(request.fields, body, errors);
  const isFaulty = (name: string): boolean => errors.some((error) => error.name === name);
  for (const name of demanded) {
    // An empty code is a wrong one and counts as such; an empty password is none.
    const isThere =
      name === 'code' ? isGiven(body, name) : given(body, name) !== undefined && decoded[name] !== '';
    if (!isThere && !isFaulty(name)) errors.push({ name, description: 'This is a required field.' });
  }
  refuseFaults(requestMessage, errors);
  const textOf = (name: string): string => {
    const value = decoded[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    userId,
    password: new Secret(textOf('password')),
    code: isGiven(body, 'code') ? new Secret(textOf('code')) : undefined,
  };
}

function isGiven(body: JsonObject, name: string): boolean {
  return Object.hasOwn(body, name);
}

async function locate(services: ApiServices, userId: string): Promise<Located> {
  const user = required(await services.users.lookup(userId));
  const scope = await readScope(services.scopes, user.scope_id);
  return { resource: resourceIn(scope, 'user', userId), ownerId: userId };
}

/** Where a user stands, by those fields. */
function twoFactorValues(state: SecondFactorState): Output<FieldTable> {
  return {
    enrolled: state.isEnrolled,
    pending: state.isPending,
    policy: state.policy.policy,
    otp_digits: state.policy.digits,
    interval_seconds: state.policy.intervalSeconds,
    window: state.policy.window,
    recovery_codes_left: state.recoveryCodesLeft,
    last_used_time: state.lastUsedAt,
  };
}

/** The same as JSON, also in `users:me`. */
export function showTwoFactor(state: SecondFactorState): Record<string, unknown> {
  return renderItem(stateSchema, twoFactorValues(state));
}

/** What proves the caller: the password of the account that its token was got with, and a code. */
function proofOf({ input, call }: Step<Input, Located>) {
  const { userId, password: given, code: proof = new Secret('') } = input;
  return { userId, accountId: call.caller.accountId, password: given, code: proof, address: call.address };
}

/** What distinguishes a verb of the user's own. */
interface OwnVerb {
  readonly verb: string;
  readonly summary: string;
  readonly request: Schema;
  readonly response?: Schema;
  readonly demanded: readonly ('password' | 'code')[];
  readonly beforeEnrolment?: true;
  readonly act: (step: Step<Input, Located>) => Promise<Answer>;
}

function ownOperation(services: ApiServices, { request, response, demanded, ...verb }: OwnVerb): Operation {
  return operation({
    ...verb,
    resource: 'users',
    method: 'POST',
    on: 'item',
    request,
    ...(response === undefined ? {} : { response: { schema: response } }),
    permission: own,
    token: 'login',
    parse: (call) => readInput(call, request, demanded),
    locate: ({ userId }) => locate(services, userId),
  });
}

function enrollmentOperations(services: ApiServices): readonly Operation[] {
  const { secondFactors } = services;
  return [
    ownOperation(services, {
      verb: 'enroll-two-factor',
      summary:
        'Shows a new secret, which is in force once its first code is confirmed; an old one stays until then.',
      request: enrollRequest,
      response: enrollResponse,
      demanded: ['password'],
      beforeEnrolment: true,
      act: async (step) => {
        const made = await secondFactors.enroll({ ...proofOf(step), code: step.input.code });
        return ok(
          renderItem(enrollResponse, {
            secret: made.secret.reveal(),
            provisioning_uri: made.provisioningUri.reveal(),
            expires_time: made.expiresAt,
          }),
        );
      },
    }),
    ownOperation(services, {
      verb: 'confirm-two-factor',
      summary: 'Puts the secret in force by its first code, and shows ten recovery codes.',
      request: codeRequest,
      response: recoveryCodes,
      demanded: ['code'],
      beforeEnrolment: true,
      act: async (step) => {
        const codes = await secondFactors.confirm({
          ...proofOf(step),
          authTokenId: step.call.caller.authTokenId,
        });
        return ok(renderItem(recoveryCodes, { recovery_codes: codes.map((each) => each.reveal()) }));
      },
    }),
  ];
}

function codeOperations(services: ApiServices): readonly Operation[] {
  const { secondFactors } = services;
  return [
    ownOperation(services, {
      verb: 'verify-two-factor',
      summary: 'Says whether a code is right, and uses it up.',
      request: codeRequest,
      response: verifyResponse,
      demanded: ['code'],
      act: async (step) =>
        ok(renderItem(verifyResponse, { valid: await secondFactors.verify(proofOf(step)) })),
    }),
    ownOperation(services, {
      verb: 'renew-recovery-codes',
      summary: 'Shows ten new recovery codes; the old ones are void.',
      request: proofRequest,
      response: recoveryCodes,
      demanded: ['password', 'code'],
      act: async (step) => {
        const codes = await secondFactors.renewRecoveryCodes(proofOf(step));
        return ok(renderItem(recoveryCodes, { recovery_codes: codes.map((each) => each.reveal()) }));
      },
    }),
    ownOperation(services, {
      verb: 'disable-two-factor',
      summary: 'Takes the second factor away, unless an auth method of the user requires one.',
      request: proofRequest,
      response: stateSchema,
      demanded: ['password', 'code'],
      act: async (step) => {
        await secondFactors.disable(proofOf(step));
        return ok(showTwoFactor(await secondFactors.read(step.input.userId)));
      },
    }),
  ];
}

/** The rows. */
export function twoFactorOperations(services: ApiServices): readonly Operation[] {
  const { secondFactors } = services;
  return [
    operation({
      resource: 'users',
      verb: 'read-two-factor',
      method: 'GET',
      on: 'item',
      summary: 'Says whether a user has a second factor; never the secret.',
      response: { schema: stateSchema },
      permission: { type: 'user', action: 'read', hasSelf: true, isOwnFree: true },
      parse: ({ id }) => requirePathId(id, 'read', prefixes),
      locate: (userId) => locate(services, userId),
      act: async ({ input }) => ok(showTwoFactor(await secondFactors.read(input))),
    }),
    ...enrollmentOperations(services),
    ...codeOperations(services),
    operation({
      resource: 'users',
      verb: 'reset-two-factor',
      method: 'POST',
      on: 'item',
      summary: 'Takes the second factor of another user away and ends its logins.',
      response: { schema: resetSchema },
      permission: { type: 'user', action: 'update' },
      token: 'login',
      parse: ({ id }) => requirePathId(id, 'action', prefixes),
      locate: (userId) => locate(services, userId),
      act: async ({ input, call }) => {
        const revocation = await services.secondFactorReset.reset(input, call.caller.userId);
        const values = twoFactorValues(await secondFactors.read(input));
        return ok(renderItem(resetSchema, { ...values, revocation: revocationValues(revocation) }));
      },
    }),
  ];
}
