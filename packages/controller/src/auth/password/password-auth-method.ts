/** Auth methods of type `password`: minimum lengths of a method, login name and first password of an account. */
import type { Secret } from '@stile/runtime';
import type { AuthMethodType, MethodColumns } from '../auth-method-type.ts';
import {
  changedPolicyColumns,
  defaultPolicy,
  policyColumns,
  type PolicyChanges,
} from '../second-factor/second-factor.ts';
import { checkLoginName, checkPassword, defaultMinimums } from './password-rules.ts';

/** Attributes of a password auth method. */
export interface PasswordMethodAttributes {
  /** Characters; null = the default, 3. */
  readonly minLoginNameLength?: number | null;
  /** Characters; null = the default, 8. */
  readonly minPasswordLength?: number | null;
  /** What is asked for besides the password; a part that is null is the default one. */
  readonly secondFactor?: PolicyChanges;
}

/** Attributes of a password account. */
export interface PasswordAccountAttributes {
  readonly loginName?: string;
  /** With a new account only; absent = nobody can log in. */
  readonly password?: Secret;
}

/** The type, over what hashes passwords. */
export function passwordAuthMethod(
  hash: (password: Secret) => Promise<string>,
): AuthMethodType<PasswordMethodAttributes, PasswordAccountAttributes> {
  return {
    type: 'password',
    methodId: 'authMethodPassword',
    accountId: 'accountPassword',
    newMethod: (attributes) => ({
      min_login_name_length: attributes.minLoginNameLength ?? defaultMinimums.loginName,
      min_password_length: attributes.minPasswordLength ?? defaultMinimums.password,
      ...policyColumns(attributes.secondFactor ?? {}, defaultPolicy),
    }),
    changedMethod,
    newAccount: async (method, { loginName = '', password }) => {
      const login_name = checkLoginName(loginName, method.min_login_name_length);
      if (password !== undefined) checkPassword(password.reveal(), method.min_password_length);
      return { login_name, password_hash: password === undefined ? null : await hash(password) };
    },
    changedAccount: (method, { loginName }) =>
      loginName === undefined ? {} : { login_name: checkLoginName(loginName, method.min_login_name_length) },
  };
}

function changedMethod({
  minLoginNameLength,
  minPasswordLength,
  secondFactor = {},
}: PasswordMethodAttributes): Partial<MethodColumns> {
  return {
    ...(minLoginNameLength === undefined
      ? {}
      : { min_login_name_length: minLoginNameLength ?? defaultMinimums.loginName }),
    ...(minPasswordLength === undefined
      ? {}
      : { min_password_length: minPasswordLength ?? defaultMinimums.password }),
    ...changedPolicyColumns(secondFactor),
  };
}
