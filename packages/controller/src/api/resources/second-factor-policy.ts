/** What a password auth method demands besides the password, as attributes (tokens.md §5.1); shown only where it is not the default. */
import {
  defaultPolicy,
  policyLimits,
  policyOfMethod,
  type PolicyChanges,
  type PolicyColumns,
  type TwoFactorPolicy,
} from '../../auth/second-factor/second-factor.ts';
import type { NumberField, Output, StringField } from '../schema/field.ts';

const policies: readonly TwoFactorPolicy[] = ['off', 'optional', 'required'];

type PolicyNumber = NumberField & { readonly access: 'change' };
type PolicyText = StringField & { readonly access: 'change' };

function rangeField(
  { least, most }: { readonly least: number; readonly most: number },
  summary: string,
): PolicyNumber {
  return {
    kind: 'uint32',
    access: 'change',
    // 0 is a window, and shown.
    isAlwaysShown: true,
    rule: (value) =>
      value >= least && value <= most ? undefined : `This must be a number from ${least} to ${most}.`,
    summary,
  };
}

const twoFactorField: PolicyText = {
  kind: 'string',
  access: 'change',
  enum: policies,
  summary:
    '`off`, `optional` (default): who has enrolled needs a code; `required`: who has not can do nothing before enrolling.',
};

/** The fields, among the attributes of an auth method. */
export const policyFields: {
  readonly two_factor: PolicyText;
  readonly otp_digits: PolicyNumber;
  readonly otp_interval_seconds: PolicyNumber;
  readonly otp_window: PolicyNumber;
} = {
  two_factor: twoFactorField,
  otp_digits: rangeField(policyLimits.digits, 'Digits of a code, bound at the enrollment. Default 6.'),
  otp_interval_seconds: rangeField(
    policyLimits.intervalSeconds,
    'Seconds that a code is good for, bound at the enrollment. Default 30.',
  ),
  otp_window: rangeField(
    policyLimits.window,
    'Intervals before and after the present one whose codes are taken, from now on. Default 1.',
  ),
};

/** What is not the default. */
export function policyValues(row: PolicyColumns): Output<typeof policyFields> {
  const { policy, digits, intervalSeconds, window } = policyOfMethod(row);
  return {
    two_factor: policy === defaultPolicy.policy ? undefined : policy,
    otp_digits: digits === defaultPolicy.digits ? undefined : digits,
    otp_interval_seconds: intervalSeconds === defaultPolicy.intervalSeconds ? undefined : intervalSeconds,
    otp_window: window === defaultPolicy.window ? undefined : window,
  };
}

/** Values of a checked request; null = the default. */
export interface PolicyInput {
  readonly two_factor?: string | null;
  readonly otp_digits?: number | null;
  readonly otp_interval_seconds?: number | null;
  readonly otp_window?: number | null;
}

/** The parts of the policy that a request sets. */
export function policyChanges(given: PolicyInput): PolicyChanges {
  const {
    two_factor: text,
    otp_digits: digits,
    otp_interval_seconds: intervalSeconds,
    otp_window: window,
  } = given;
  const policy = policies.find((each) => each === text) ?? null;
  return {
    ...(text === undefined ? {} : { policy }),
    ...(digits === undefined ? {} : { digits }),
    ...(intervalSeconds === undefined ? {} : { intervalSeconds }),
    ...(window === undefined ? {} : { window }),
  };
}
