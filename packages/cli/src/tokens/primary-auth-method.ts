/** Which auth method a scope logs in at when none is named (cli.md §2.1). */
import type { ApiClient } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';

/** The primary auth method of a scope. @throws {StileError} invalidFlag when it has none; what the call throws */
export async function primaryAuthMethod(client: ApiClient, scopeId: string): Promise<string> {
  const { body } = await client.resource('auth-methods').list({ scope_id: scopeId });
  const primary = body.find((method) => method.is_primary === true)?.id;
  if (typeof primary === 'string') return primary;
  throw new StileError(
    'invalidFlag',
    `Primary auth method not found for scope ID: '${scopeId}'. Please set a primary auth method on this scope or pass one explicitly using an authenticate sub command (see 'stile authenticate -h') along with the -auth-method-id flag.`,
  );
}
