/** A linter of the field over an OpenAPI document: clients are generated from it. */
import { createConfig, lintFromString } from '@redocly/openapi-core';
import type { Json } from './dev-server.ts';

/** What the linter objects to, one line each; `without` are rules that do not hold for the document. */
export async function problemsOf(source: Json, without: readonly string[] = []): Promise<string[]> {
  const rules = Object.fromEntries(without.map((rule) => [rule, 'off' as const]));
  const config = await createConfig({ extends: ['recommended-strict'], rules });
  const problems = await lintFromString({
    source: JSON.stringify(source),
    absoluteRef: 'openapi.json',
    config,
  });
  return [
    ...new Set(
      problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer ?? ''}: ${message}`),
    ),
  ];
}
