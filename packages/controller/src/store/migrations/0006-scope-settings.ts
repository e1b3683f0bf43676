/** What a scope decides about running sessions whose role is taken away. */
import type { Step } from './ddl.ts';

/** Step 6. */
export const scopeSettingsStep: Step = {
  name: '0006-scope-settings',
  statements: () => [
    `alter table scope add column sessions_on_role_revocation text
      check (sessions_on_role_revocation in ('keep', 'cancel'))`,
  ],
};
