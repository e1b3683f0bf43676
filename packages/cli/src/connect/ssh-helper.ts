/** `connect ssh` with ssh, sshpass and putty (cli.md §4.5, session-protocol.md §7.5). */
import { StileError } from '@stile/protocol/errors';
import { idPrefix } from '@stile/protocol/ids';
import { safeUsername, type BrokeredCredential } from './brokered-credentials.ts';
import { option, usernameFlag, type Helper, type HelperInput, type HelperPlan } from './helper.ts';

/**
 * The name under which ssh keeps the host's key: the host's id, so that two hosts behind one address stay apart. It comes from a
 * server, so only an id's characters pass.
 */
function hostKeyOption(input: HelperInput): string {
  const { authorization } = input;
  if (authorization.type === 'ssh') return 'NoHostAuthenticationForLocalhost=yes';
  const alias = authorization.hostId || authorization.targetId;
  if (!/^[A-Za-z0-9]+_[A-Za-z0-9]+$/.test(alias)) {
    throw new StileError(
      'invalidArgument',
      `the host id ${JSON.stringify(alias)} is not used as a host key alias: it is no id`,
    );
  }
  return `HostKeyAlias=${alias}`;
}

function remoteCommand(input: HelperInput): string[] {
  const command = input.flags.text('remote-command');
  return command === '' ? [] : command.split(' ');
}

/** Credentials are used on tcp targets only; a target of type ssh injects them. */
function usable(input: HelperInput, kind: BrokeredCredential['kind']): BrokeredCredential | undefined {
  if (idPrefix(input.authorization.targetId) !== 'ttcp') return undefined;
  return input.credentials.find((credential) => credential.kind === kind);
}

async function keyFile(input: HelperInput, credential: BrokeredCredential | undefined): Promise<string[]> {
  if (credential === undefined) return [];
  const key = credential.privateKey.endsWith('\n') ? credential.privateKey : `${credential.privateKey}\n`;
  return ['-i', await input.files.write('private-key', key)];
}

async function plan(input: HelperInput): Promise<HelperPlan> {
  const { port, ip, flags, style } = input;
  if (style === 'sshpass') return planSshpass(input);
  const key = usable(input, 'private-key');
  const login = usable(input, 'password-login');
  const brokered = key?.username ?? '';
  const user =
    brokered !== ''
      ? safeUsername(brokered)
      : flags.text('username') || (login ? safeUsername(login.username) : '');
  const start = style === 'putty' ? ['-P', String(port)] : ['-p', String(port), '-o', hostKeyOption(input)];
  const args = [...start, ...(await keyFile(input, key)), ...option('-l', user), ip, ...remoteCommand(input)];
  // A passphrase cannot be handed over, so that credential is shown too.
  return { args, consumed: key === undefined || key.passphrase !== '' ? [] : [key] };
}

function planSshpass(input: HelperInput): HelperPlan {
  const { port, ip, flags } = input;
  if (idPrefix(input.authorization.targetId) !== 'ttcp') {
    throw new StileError('invalidArgument', 'Credentials must be consumed when using sshpass');
  }
  const login = usable(input, 'password-login');
  if (login === undefined) throw new StileError('invalidArgument', 'Password is required when using sshpass');
  const user = flags.text('username') || safeUsername(login.username);
  const hostKey = 'NoHostAuthenticationForLocalhost=yes';
  return {
    args: [
      '-e',
      'ssh',
      '-p',
      String(port),
      '-o',
      hostKey,
      ...option('-l', user),
      ip,
      ...remoteCommand(input),
    ],
    environment: { SSHPASS: login.password },
    consumed: [login],
  };
}

/** `connect ssh`. */
export const sshHelper: Helper = {
  name: 'ssh',
  summary: 'Connect with ssh',
  title: 'SSH Options',
  styles: ['ssh', 'sshpass', 'putty'],
  styleVariable: 'CONNECT_SSH_STYLE',
  example: 'stile connect ssh -target-id ttcp_1234567890 -username admin',
  flags: [
    usernameFlag,
    {
      name: 'remote-command',
      type: 'string',
      help: 'Command to run on the host, its words separated by spaces.',
    },
  ],
  plan,
};
