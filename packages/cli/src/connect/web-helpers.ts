/** `connect http|kube|rdp` (cli.md §4.5, session-protocol.md §7.5). */
import type { Flag } from '../command.ts';
import {
  addressOf,
  checkedHost,
  endpointHost,
  option,
  type Helper,
  type HelperInput,
  type HelperPlan,
} from './helper.ts';

function hostFlag(variable: string): Flag {
  return {
    name: 'host',
    type: 'string',
    env: variable,
    help: "Name that the server knows itself by. The default is the host of the session's endpoint.",
  };
}

function schemeFlag(variable: string): Flag {
  return { name: 'scheme', type: 'string', env: variable, default: 'https', help: 'Scheme of the URL.' };
}

function hostOf(input: HelperInput): string {
  return checkedHost(input.flags.text('host')) || endpointHost(input.authorization);
}

function planHttp(input: HelperInput): Promise<HelperPlan> {
  const { flags, ip, port } = input;
  const host = hostOf(input);
  const path = flags.text('path');
  const suffix = path === '' || path.startsWith('/') ? path : `/${path}`;
  const scheme = flags.text('scheme');
  const method = option('-X', flags.text('method'));
  if (host === '') return Promise.resolve({ args: [...method, `${scheme}://${addressOf(input)}${suffix}`] });
  const shown = host.includes(':') ? `[${host}]` : host;
  return Promise.resolve({
    args: [
      ...method,
      '-H',
      `Host: ${shown}`,
      '--resolve',
      `${shown}:${port}:${ip}`,
      `${scheme}://${shown}:${port}${suffix}`,
    ],
  });
}

function planKube(input: HelperInput): Promise<HelperPlan> {
  const scheme = input.flags.text('scheme');
  const name = scheme === 'https' ? option('--tls-server-name', hostOf(input)) : [];
  return Promise.resolve({ args: [...name, '--server', `${scheme}://${addressOf(input)}`] });
}

function planRdp(input: HelperInput): Promise<HelperPlan> {
  const address = addressOf(input);
  // With a program of the user's own, nothing is known of its arguments.
  if (input.flags.text('exec') !== '' && input.flags.origin('style') === 'default')
    return Promise.resolve({ args: [] });
  if (input.style === 'open') {
    return Promise.resolve({ args: ['-W', `rdp://full%20address=s%3A${encodeURIComponent(address)}`] });
  }
  return Promise.resolve({ args: ['/v', address] });
}

const isMac = process.platform === 'darwin';

/** `connect http`, `kube`, `rdp`. */
export const webHelpers: readonly Helper[] = [
  {
    name: 'http',
    summary: 'Connect with curl',
    title: 'HTTP Options',
    styles: ['curl'],
    styleVariable: 'CONNECT_HTTP_STYLE',
    example: 'stile connect http -target-id ttcp_1234567890 -path /status',
    flags: [
      hostFlag('CONNECT_HTTP_HOST'),
      { name: 'path', type: 'string', env: 'CONNECT_HTTP_PATH', help: 'Path of the URL.' },
      { name: 'method', type: 'string', env: 'CONNECT_HTTP_METHOD', help: 'Method of the request.' },
      schemeFlag('CONNECT_HTTP_SCHEME'),
    ],
    plan: planHttp,
  },
  {
    name: 'kube',
    summary: 'Connect with kubectl',
    title: 'Kubernetes Options',
    styles: ['kubectl'],
    styleVariable: 'CONNECT_KUBE_STYLE',
    example: 'stile connect kube -target-id ttcp_1234567890 -- get pods',
    flags: [hostFlag('CONNECT_KUBE_HOST'), schemeFlag('CONNECT_KUBE_SCHEME')],
    plan: planKube,
  },
  {
    name: 'rdp',
    summary: 'Connect with a remote desktop client',
    title: 'RDP Options',
    styles: isMac ? ['open', 'mstsc.exe'] : ['mstsc.exe', 'open'],
    styleVariable: 'CONNECT_RDP_STYLE',
    example: 'stile connect rdp -target-id ttcp_1234567890',
    flags: [],
    plan: planRdp,
  },
];
