/** What each helper of `connect` must hand its program: the table behind `connect-run.test.ts`. */
import type { SessionCredential } from '@stile/client';
import type { SessionAuthorization } from '@stile/protocol';

/** A login with a password. */
export const loginCredential: SessionCredential = {
  credential_source: {
    id: 'credup_1',
    credential_store_id: 'csst_1',
    type: 'static',
    credential_type: 'username_password',
  },
  credential: { username: 'postgres', password: 'hunter2' },
};
/** A login with a key. */
export const keyCredential: SessionCredential = {
  credential_source: { id: 'credspk_1', credential_type: 'ssh_private_key' },
  credential: { username: 'root', private_key: 'PRIVATE\nKEY' },
};

/** One helper call and what its program must see. */
export interface HelperCase {
  readonly words: readonly string[];
  readonly program: string;
  /** PORT and FILE stand for what is only known at run time. */
  readonly argv: string;
  readonly credentials?: readonly SessionCredential[];
  readonly change?: Partial<SessionAuthorization>;
  readonly env?: Readonly<Record<string, string>>;
  /** Content of the one temporary file. */
  readonly file?: string;
  /** What is printed because the program did not get it. */
  readonly shown?: string;
}

/** Every helper and style (cli.md §4.5, session-protocol.md §7.5). */
export const helperCases: readonly HelperCase[] = [
  { words: ['ssh'], program: 'ssh', argv: '-p PORT -o HostKeyAlias=hst_1234567890 127.0.0.1' },
  {
    words: ['ssh', '-username', 'al', '-remote-command', 'ls -l'],
    program: 'ssh',
    argv: '-p PORT -o HostKeyAlias=hst_1234567890 -l al 127.0.0.1 ls -l',
  },
  {
    words: ['ssh'],
    change: { hostId: '' },
    program: 'ssh',
    argv: '-p PORT -o HostKeyAlias=ttcp_1234567890 127.0.0.1',
  },
  {
    words: ['ssh'],
    change: { type: 'ssh', targetId: 'tssh_1' },
    program: 'ssh',
    argv: '-p PORT -o NoHostAuthenticationForLocalhost=yes 127.0.0.1',
  },
  {
    words: ['ssh'],
    credentials: [keyCredential],
    program: 'ssh',
    argv: '-p PORT -o HostKeyAlias=hst_1234567890 -i FILE -l root 127.0.0.1',
    file: 'PRIVATE\nKEY\n',
  },
  {
    words: ['ssh'],
    credentials: [loginCredential],
    program: 'ssh',
    argv: '-p PORT -o HostKeyAlias=hst_1234567890 -l postgres 127.0.0.1',
    shown: 'hunter2',
  },
  {
    words: ['ssh', '-style', 'sshpass'],
    credentials: [loginCredential],
    program: 'sshpass',
    argv: '-e ssh -p PORT -o NoHostAuthenticationForLocalhost=yes -l postgres 127.0.0.1',
    env: { SSHPASS: 'hunter2' },
  },
  { words: ['ssh', '-style', 'putty'], program: 'putty', argv: '-P PORT 127.0.0.1' },
  {
    words: ['postgres', '-dbname', 'd', '-username', 'me'],
    program: 'psql',
    argv: '-p PORT -h 127.0.0.1 -d d -U me',
  },
  {
    words: ['postgres', '-dbname', 'd'],
    credentials: [loginCredential],
    program: 'psql',
    argv: '-p PORT -h 127.0.0.1 -d d -U postgres',
    file: '*:*:*:*:hunter2',
  },
  {
    words: ['mysql', '-dbname', 'd', '-username', 'me'],
    program: 'mysql',
    argv: '-p -P PORT -h 127.0.0.1 -D d -u me',
  },
  {
    words: ['mysql', '-dbname', 'd'],
    credentials: [loginCredential],
    program: 'mysql',
    argv: '--defaults-file=FILE -P PORT -h 127.0.0.1 -D d -u postgres',
    file: '[client]\npassword=hunter2',
  },
  {
    words: ['mongo', '-dbname', 'd', '-authentication-database', 'a'],
    credentials: [loginCredential],
    program: 'mongosh',
    argv: '--port PORT --host 127.0.0.1 d -u postgres --authenticationDatabase a',
    shown: 'hunter2',
  },
  {
    words: ['cassandra', '-keyspace', 'k'],
    credentials: [loginCredential],
    program: 'cqlsh',
    argv: '-u postgres -k k --credentials FILE 127.0.0.1 PORT',
    file: '[PlainTextAuthProvider]\npassword = hunter2',
  },
  {
    words: ['redis'],
    credentials: [loginCredential],
    program: 'redis-cli',
    argv: '-h 127.0.0.1 -p PORT --user postgres',
    env: { REDISCLI_AUTH: 'hunter2' },
  },
  { words: ['redis'], program: 'redis-cli', argv: '-h 127.0.0.1 -p PORT' },
  {
    words: ['http', '-path', 'status', '-method', 'PUT'],
    change: { endpoint: 'tcp://web.example:443' },
    program: 'curl',
    argv: '-X PUT -H Host:_web.example --resolve web.example:PORT:127.0.0.1 https://web.example:PORT/status',
  },
  {
    words: ['http', '-host', 'h.example', '-scheme', 'http'],
    program: 'curl',
    argv: '-H Host:_h.example --resolve h.example:PORT:127.0.0.1 http://h.example:PORT',
  },
  {
    words: ['kube'],
    change: { endpoint: 'tcp://k8s.example:6443' },
    program: 'kubectl',
    argv: '--tls-server-name k8s.example --server https://127.0.0.1:PORT',
  },
  { words: ['rdp', '-style', 'mstsc.exe'], program: 'mstsc.exe', argv: '/v 127.0.0.1:PORT' },
  { words: ['rdp', '-style', 'open'], program: 'open', argv: '-W rdp://full%20address=s%3A127.0.0.1%3APORT' },
];
