/** `connect postgres|mysql|mongo|cassandra|redis` (cli.md §4.5, session-protocol.md §7.5). Passwords go through files or the environment. */
import { safeUsername, singleLine, type BrokeredCredential } from './brokered-credentials.ts';
import {
  dbnameFlag,
  option,
  usernameFlag,
  type Helper,
  type HelperInput,
  type HelperPlan,
} from './helper.ts';

/** The first credential with a password, and the user name to log in with. */
function login(input: HelperInput): {
  credential: BrokeredCredential | undefined;
  user: string;
  password: string;
} {
  const credential = input.credentials.find(
    (each) => each.kind === 'password-login' || each.kind === 'password',
  );
  const brokered = credential?.username ?? '';
  return {
    credential,
    user: brokered === '' ? input.flags.text('username') : safeUsername(brokered),
    password: singleLine(credential?.password ?? ''),
  };
}

function consumedOf(credential: BrokeredCredential | undefined): readonly BrokeredCredential[] {
  return credential === undefined ? [] : [credential];
}

const noDatabase =
  'Credentials are being brokered but no -dbname parameter provided. The program may choose a database of its own.';

async function planPostgres(input: HelperInput): Promise<HelperPlan> {
  const { credential, user, password } = login(input);
  const database = input.flags.text('dbname');
  const args = ['-p', String(input.port), '-h', input.ip, ...option('-d', database), ...option('-U', user)];
  if (credential === undefined) return { args };
  // A colon or backslash ends a field of this file unless a backslash stands before it.
  const escaped = password.replace(/[\\:]/g, String.raw`\$&`);
  const file = await input.files.write('pgpass', `*:*:*:*:${escaped}`);
  const warnings = database === '' ? [noDatabase] : [];
  return { args, environment: { PGPASSFILE: file }, consumed: [credential], warnings };
}

async function planMysql(input: HelperInput): Promise<HelperPlan> {
  const { credential, user, password } = login(input);
  const database = input.flags.text('dbname');
  const args = ['-P', String(input.port), '-h', input.ip, ...option('-D', database), ...option('-u', user)];
  if (credential === undefined) return { args: ['-p', ...args] };
  const quoted = /^[\w.,:;@/+=!-]*$/.test(password)
    ? password
    : `"${password.replace(/["\\]/g, String.raw`\$&`)}"`;
  const file = await input.files.write('my.cnf', `[client]\npassword=${quoted}`);
  // mysql takes this option in the first place only.
  const leading = [`--defaults-file=${file}`];
  return { leading, args, consumed: [credential], warnings: database === '' ? [noDatabase] : [] };
}

function planMongo(input: HelperInput): Promise<HelperPlan> {
  // mongosh takes a password in its arguments or from the terminal. Arguments are visible to every process of the machine, so the
  // credential is shown to the user instead, and mongosh asks.
  const { user } = login(input);
  const { flags } = input;
  const database = flags.text('dbname');
  const source = flags.text('authentication-database');
  const args = ['--port', String(input.port), '--host', input.ip];
  if (database !== '') args.push(database);
  args.push(...option('-u', user), ...option('--authenticationDatabase', source));
  return Promise.resolve({ args });
}

async function planCassandra(input: HelperInput): Promise<HelperPlan> {
  const { credential, user, password } = login(input);
  const keyspace = input.flags.text('keyspace');
  const args = [...option('-u', user), ...option('-k', keyspace)];
  if (credential !== undefined) {
    const file = await input.files.write('credentials', `[PlainTextAuthProvider]\npassword = ${password}`);
    args.push('--credentials', file);
  }
  const warnings = keyspace === '' ? ['No -keyspace parameter provided.'] : [];
  return { args: [...args, input.ip, String(input.port)], consumed: consumedOf(credential), warnings };
}

function planRedis(input: HelperInput): Promise<HelperPlan> {
  const { credential, user, password } = login(input);
  const args = ['-h', input.ip, '-p', String(input.port), ...option('--user', user)];
  const environment = credential === undefined ? {} : { REDISCLI_AUTH: password };
  return Promise.resolve({ args, environment, consumed: consumedOf(credential) });
}

/** `connect postgres`, `mysql`, `mongo`, `cassandra`, `redis`. */
export const databaseHelpers: readonly Helper[] = [
  {
    name: 'postgres',
    summary: 'Connect with psql',
    title: 'Postgres Options',
    styles: ['psql'],
    styleVariable: 'CONNECT_POSTGRES_STYLE',
    example: 'stile connect postgres -target-id ttcp_1234567890 -dbname orders -username app',
    flags: [usernameFlag, dbnameFlag],
    plan: planPostgres,
  },
  {
    name: 'mysql',
    summary: 'Connect with mysql',
    title: 'MySQL Options',
    styles: ['mysql'],
    styleVariable: 'CONNECT_MYSQL_STYLE',
    example: 'stile connect mysql -target-id ttcp_1234567890 -dbname orders -username app',
    flags: [usernameFlag, dbnameFlag],
    plan: planMysql,
  },
  {
    name: 'mongo',
    summary: 'Connect with mongosh',
    title: 'MongoDB Options',
    styles: ['mongosh'],
    styleVariable: 'CONNECT_MONGO_STYLE',
    example: 'stile connect mongo -target-id ttcp_1234567890 -dbname orders -username app',
    flags: [
      usernameFlag,
      dbnameFlag,
      {
        name: 'authentication-database',
        type: 'string',
        env: 'CONNECT_MONGO_AUTHENTICATION_DATABASE',
        help: 'Database that holds the user, where it is not the one to connect to.',
      },
    ],
    plan: planMongo,
  },
  {
    name: 'cassandra',
    summary: 'Connect with cqlsh',
    title: 'Cassandra Options',
    styles: ['cqlsh'],
    styleVariable: 'CONNECT_CASSANDRA_STYLE',
    example: 'stile connect cassandra -target-id ttcp_1234567890 -keyspace orders -username app',
    flags: [
      usernameFlag,
      { name: 'keyspace', type: 'string', env: 'CONNECT_KEYSPACE', help: 'Keyspace to connect to.' },
    ],
    plan: planCassandra,
  },
  {
    name: 'redis',
    summary: 'Connect with redis-cli',
    title: 'Redis Options',
    styles: ['redis-cli'],
    styleVariable: 'CONNECT_REDIS_STYLE',
    example: 'stile connect redis -target-id ttcp_1234567890',
    flags: [usernameFlag],
    plan: planRedis,
  },
];
