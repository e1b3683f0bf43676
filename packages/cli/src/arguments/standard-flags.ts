/** Flags that many commands share: connection, client and output options (cli.md §1.3). */
import type { Flag, FlagGroup } from '../command.ts';

/** How to reach the controller. */
export const connectionOptions: FlagGroup = {
  title: 'Connection Options',
  flags: [
    {
      name: 'addr',
      type: 'string',
      env: 'ADDR',
      help: 'Address of the controller, as a complete URL (e.g. https://stile.example.com:9200). A socket is unix:///path. The default is http://127.0.0.1:9200.',
    },
    {
      name: 'ca-cert',
      type: 'string',
      env: 'CACERT',
      help: 'Path of a PEM file with the CA certificate that the controller is verified with. Takes precedence over -ca-path.',
    },
    {
      name: 'ca-path',
      type: 'string',
      env: 'CAPATH',
      help: 'Path of a directory of PEM files with CA certificates that the controller is verified with.',
    },
    {
      name: 'client-cert',
      type: 'string',
      env: 'CLIENT_CERT',
      help: 'Path of a PEM file with a client certificate for the controller. Needs -client-key.',
    },
    {
      name: 'client-key',
      type: 'string',
      env: 'CLIENT_KEY',
      help: 'Path of a PEM file with the private key of -client-cert.',
    },
    {
      name: 'tls-insecure',
      type: 'boolean',
      env: 'TLS_INSECURE',
      help: 'Do not verify the certificate of the controller. Strongly discouraged: whoever is on the path can read and change everything.',
    },
    {
      name: 'tls-server-name',
      type: 'string',
      env: 'TLS_SERVER_NAME',
      help: 'Name to ask for (SNI) and to verify the certificate of the controller with.',
    },
  ],
};

/** The flags that name the stored token. */
export const tokenFlags: readonly Flag[] = [
  {
    name: 'token-name',
    type: 'string',
    env: 'TOKEN_NAME',
    default: 'default',
    help: 'Name under which the token is stored or looked up.',
  },
  {
    name: 'keyring-type',
    type: 'string',
    env: 'KEYRING_TYPE',
    default: 'auto',
    completes: ['auto', 'file', 'pass', 'none'],
    help: 'Where tokens are stored: "auto" and "file" mean a file that only you can read in your configuration directory, "pass" the pass password manager, "none" nowhere.',
  },
];

/** The flag that names another source of the token. */
export const tokenSourceFlag: Flag = {
  name: 'token',
  type: 'string',
  secret: true,
  help: 'Where to read the token from: env://NAME or file://PATH. Takes precedence over -token-name.',
};

/** Which token to use, and what not to send. */
export const clientOptions: FlagGroup = {
  title: 'Client Options',
  flags: [
    ...tokenFlags,
    tokenSourceFlag,
    {
      name: 'output-curl-string',
      type: 'boolean',
      help: 'Do not send the request; print it as a curl command, without the token.',
    },
    {
      name: 'skip-cache-daemon',
      type: 'boolean',
      env: 'SKIP_CACHE_DAEMON',
      hidden: true,
      help: 'No effect.',
    },
    {
      name: 'skip-client-agent',
      type: 'boolean',
      env: 'SKIP_CLIENT_AGENT',
      hidden: true,
      help: 'No effect.',
    },
    {
      name: 'output-client-agent-cli-error',
      type: 'boolean',
      env: 'CLIENT_AGENT_CLI_ERROR_OUTPUT',
      hidden: true,
      help: 'No effect.',
    },
    { name: 'client-agent-port', type: 'uint', hidden: true, help: 'No effect.' },
  ],
};

/** How results are printed. */
export const outputOptions: FlagGroup = {
  title: 'Output Options',
  flags: [
    {
      name: 'format',
      type: 'string',
      env: 'CLI_FORMAT',
      default: 'table',
      completes: ['table', 'json'],
      help: 'How results are printed: "table" or "json".',
    },
  ],
};

/** The groups of every command that calls the API, in the order of help. */
export const apiOptions: readonly FlagGroup[] = [connectionOptions, clientOptions, outputOptions];
