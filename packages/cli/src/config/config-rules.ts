/** Rules of the configuration file that join several sections: what a controller and a worker need (http-api.md §4.1, "Start-up refusals"). */
import { StileError } from '@stile/protocol/errors';
import type { FileConfig, KmsSection, ListenerSection } from './config-sections.ts';

/**
 * The configuration with its lists present, when its sections fit together.
 * @throws {StileError} invalidConfig with one line for each fault
 */
export function checkSections(config: Partial<FileConfig>, name: string): FileConfig {
  const listener = config.listener ?? [];
  const kms = config.kms ?? [];
  const whole = { ...config, listener, kms } as FileConfig;
  const faults = [
    ...roleFaults(whole),
    ...controllerFaults(whole),
    ...rateLimitFaults(whole),
    ...workerFaults(whole),
    ...repeated(listener),
    ...listener.flatMap(listenerFaults),
    ...kms.flatMap(keyFaults),
  ];
  if (faults.length === 0) return whole;
  throw new StileError('invalidConfig', faults.map((fault) => `${name}: ${fault}`).join('\n'));
}

function has(config: FileConfig, purpose: ListenerSection['purpose']): boolean {
  return config.listener.some((each) => each.purpose === purpose);
}

function roleFaults(config: FileConfig): string[] {
  return config.controller === undefined && config.worker === undefined
    ? ['a "controller" or a "worker" section is needed']
    : [];
}

function controllerFaults(config: FileConfig): string[] {
  if (config.controller === undefined) return [];
  const missing = (['api', 'cluster'] as const).filter((purpose) => !has(config, purpose));
  const faults = missing.map(
    (purpose) => `Config activates controller but no listener with "${purpose}" purpose found`,
  );
  const hasRootKey = config.kms.some((each) => each.purpose === 'root');
  return hasRootKey
    ? faults
    : [...faults, 'Config activates controller but no kms with "root" purpose found'];
}

/** A rule must say exactly one of a number and `unlimited`. */
function rateLimitFaults(config: FileConfig): string[] {
  return (config.controller?.api_rate_limit ?? []).flatMap((rule, index) => {
    if ((rule.limit === undefined) === rule.unlimited) return [];
    return [`controller.api_rate_limit.${index} needs either a limit or unlimited: true`];
  });
}

function workerFaults(config: FileConfig): string[] {
  if (config.worker === undefined) return [];
  const faults = has(config, 'proxy')
    ? []
    : ['Config activates worker but no listener with "proxy" purpose found'];
  const knowsController =
    config.controller !== undefined || (config.worker.initial_upstreams ?? []).length > 0;
  return knowsController ? faults : [...faults, 'worker.initial_upstreams must name at least one controller'];
}

/** Only the API is served on several addresses: a second listener of another purpose would be left out without a word. */
function repeated(listeners: readonly ListenerSection[]): string[] {
  return (['cluster', 'proxy', 'ops'] as const)
    .filter((purpose) => listeners.filter((each) => each.purpose === purpose).length > 1)
    .map((purpose) => `there may be only one listener with purpose ${purpose}`);
}

/** A setting that would not be used is a fault: whoever asks for TLS must not get something else. */
function listenerFaults(listener: ListenerSection): string[] {
  return [...tlsFaults(listener), ...browserFaults(listener)];
}

/** What decides about browsers and their addresses means nothing where there is no API. */
function browserFaults(listener: ListenerSection): string[] {
  const { purpose, insecure_cookies: allowsCookies, x_forwarded_for_authorized_addrs: proxies } = listener;
  if (purpose === 'api') return [];
  const given = [
    ...(allowsCookies ? ['insecure_cookies'] : []),
    ...(proxies === undefined ? [] : ['x_forwarded_for_authorized_addrs']),
  ];
  return given.map((name) => `listener with purpose ${purpose} serves no API; remove ${name}`);
}

function tlsFaults(listener: ListenerSection): string[] {
  const { purpose, tls_disable: isPlain, tls_cert_file: certificate, tls_key_file: key } = listener;
  const hasFiles = certificate !== undefined || key !== undefined;
  if (purpose === 'cluster' || purpose === 'proxy') {
    return [
      ...(isPlain ? [`listener with purpose ${purpose} always uses TLS; remove tls_disable`] : []),
      ...(hasFiles
        ? [
            `listener with purpose ${purpose} makes its own certificates; remove tls_cert_file and tls_key_file`,
          ]
        : []),
    ];
  }
  if (purpose === 'ops') {
    return isPlain && !hasFiles
      ? []
      : [
          'listener with purpose ops serves plain HTTP only; set tls_disable: true, without tls_cert_file and tls_key_file',
        ];
  }
  if (isPlain && hasFiles) return [`listener with purpose ${purpose} has both tls_disable and a certificate`];
  return isPlain || (certificate !== undefined && key !== undefined)
    ? []
    : [`listener with purpose ${purpose} needs tls_cert_file and tls_key_file, or tls_disable: true`];
}

function keyFaults(section: KmsSection): string[] {
  const isWhole = Buffer.from(section.key.reveal(), 'base64').length === 32;
  return isWhole ? [] : [`kms key ${section.key_id} must be 32 bytes in base64`];
}
