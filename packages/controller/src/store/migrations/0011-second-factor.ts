/**
 * Second factors (tokens.md §5.1): what an auth method demands, the secret and the counts of each user, and its recovery codes. The id of a
 * row of `user_second_factor` is the user's, because sealed columns are found by `id` when a key is destroyed.
 */
import type { Ddl, Step } from './ddl.ts';

function statements(ddl: Ddl): readonly string[] {
  return [
    `alter table auth_method add column two_factor text not null default 'optional'
      check (two_factor in ('off', 'optional', 'required'))`,
    `alter table auth_method add column otp_digits ${ddl.int} not null default 6
      check (otp_digits between 6 and 8)`,
    `alter table auth_method add column otp_interval_seconds ${ddl.int} not null default 30
      check (otp_interval_seconds between 15 and 120)`,
    `alter table auth_method add column otp_window ${ddl.int} not null default 1
      check (otp_window between 0 and 2)`,
    `create table user_second_factor (
      id text primary key references iam_user (id) on delete cascade,
      secret_sealed ${ddl.bytes},
      otp_digits ${ddl.int},
      otp_interval_seconds ${ddl.int},
      last_step ${ddl.big},
      enrolled_at ${ddl.big},
      last_used_at ${ddl.big},
      pending_secret_sealed ${ddl.bytes},
      pending_otp_digits ${ddl.int},
      pending_otp_interval_seconds ${ddl.int},
      pending_expires_at ${ddl.big},
      window_began_at ${ddl.big},
      window_failures ${ddl.int} not null default 0,
      failures ${ddl.int} not null default 0,
      penalties ${ddl.int} not null default 0,
      blocked_until ${ddl.big},
      created_at ${ddl.big} not null,
      updated_at ${ddl.big} not null,
      check ((secret_sealed is null) = (last_step is null)),
      check ((secret_sealed is null) = (otp_digits is null)),
      check ((secret_sealed is null) = (otp_interval_seconds is null)),
      check ((secret_sealed is null) = (enrolled_at is null)),
      check ((pending_secret_sealed is null) = (pending_expires_at is null)),
      check ((pending_secret_sealed is null) = (pending_otp_digits is null)),
      check ((pending_secret_sealed is null) = (pending_otp_interval_seconds is null))
    ) ${ddl.end}`,
    `create table user_recovery_code (
      user_id text not null references user_second_factor (id) on delete cascade,
      code_mac ${ddl.bytes} not null check (length(code_mac) = 32),
      code_key_version ${ddl.int} not null,
      used_at ${ddl.big},
      created_at ${ddl.big} not null,
      primary key (user_id, code_mac)
    ) ${ddl.end}`,
    `create index user_recovery_code_key on user_recovery_code (code_key_version)`,
  ];
}

/** Step 11. */
export const secondFactorStep: Step = { name: '0011-second-factor', statements };
