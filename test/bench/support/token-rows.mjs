// Rows of auth tokens put into a bench's SQLite file: some that live, and those that ended in every way a token can.
import { randomBytes } from 'node:crypto';
import { runSql } from './sqlite-file.mjs';

const secondUs = 1_000_000;
const dayUs = 86_400 * secondUs;
/** Owners of the tokens. */
const users = 100;

/** Columns of a row by its way to end: SQL over `at` (its creation), `$now`. */
const fates = {
  /** An API token of a year. */
  living: { type: 'api', expires: `$now + 300 * ${dayUs}`, used: '$now - 60000000', stale: 0 },
  revoked: { type: 'login', expires: `at + 7 * ${dayUs}`, used: 'at', stale: 86_400, ended: 'user request' },
  sweptIdle: { type: 'login', expires: `at + 7 * ${dayUs}`, used: 'at', stale: 86_400, ended: 'idle' },
  sweptExpired: { type: 'one-time', expires: 'at + 1000', used: 'at', stale: 0, ended: 'expired' },
  /** Time has ended it, and nobody has written that. */
  idle: { type: 'api', expires: `$now + 300 * ${dayUs}`, used: 'at', stale: 1 },
  expired: { type: 'one-time', expires: 'at + 1000', used: 'at', stale: 0 },
};

/** Makes the users that own the rows; once for each file. */
export function tokenOwners(nowUs) {
  return {
    sql: `with recursive n (i) as (select 0 union all select i + 1 from n where i + 1 < ${users})
      insert into iam_user (id, scope_id, name, version, created_at, updated_at)
      select 'u_' || printf('%010d', i), 'global', 'owner ' || i, 1, $now, $now from n`,
    values: { $now: nowUs },
  };
}

/**
 * One statement that adds `rows` tokens: number 0 is the newest, each is a `stepUs` older than the one before, the newest `youngestUs` old.
 * `fateOf` is SQL over `i`, the number, that names one of `fates`.
 */
export function tokenRows({ rows, nowUs, youngestUs, stepUs, fateOf, prefix = '' }) {
  const names = Object.keys(fates);
  const pick = (column) =>
    `case fate ${names.map((each) => `when '${each}' then ${column(fates[each])}`).join(' ')} end`;
  const ended = (value) => pick((fate) => (fate.ended === undefined ? 'null' : value(fate)));
  return {
    sql: `
      with recursive
        n (i) as (select 0 union all select i + 1 from n where i + 1 < $rows),
        m as (select i, $now - $youngest - i * $step as at, ${fateOf} as fate from n)
      insert into auth_token (
        id, scope_id, user_id, type, name, created_by_user_id, secret_mac, secret_key_version, time_to_live_seconds,
        time_to_stale_seconds, expires_at, ends_at, last_used_at, origin, user_agent, revoked_at, revoked_reason,
        created_at, updated_at)
      select
        'at_' || $prefix || printf('%0' || (10 - length($prefix)) || 'd', (i * 7919) % $rows), 'global',
        'u_' || printf('%010d', i % ${users}), ${pick(({ type }) => `'${type}'`)},
        ${pick(({ type }) => (type === 'api' ? `'token ' || i` : 'null'))}, 'u_' || printf('%010d', i % ${users}),
        $mac, 1, 3600, ${pick(({ stale }) => stale)}, ${pick(({ expires }) => expires)},
        ${pick((fate) => (fate.ended === undefined ? fate.expires : 'at + 2000'))}, ${pick(({ used }) => used)},
        '192.0.2.7:40123', 'a bench/1.0', ${ended(() => 'at + 2000')}, ${ended((fate) => `'${fate.ended}'`)}, at, at
      from m`,
    values: {
      $rows: rows,
      $now: nowUs,
      $youngest: youngestUs,
      $step: stepUs,
      $mac: randomBytes(32),
      $prefix: prefix,
    },
  };
}

/** Adds the owners and the tokens to a file that no controller has open. */
export async function insertTokens(file, statement) {
  await runSql(file, [
    { sql: 'begin immediate' },
    tokenOwners(statement.values.$now),
    statement,
    { sql: 'commit' },
  ]);
}
