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
    ...workerFaults(whole),
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

function workerFaults(config: FileConfig): string[] {
  if (config.worker === undefined) return [];
  const faults = has(config, 'proxy')
    ? []
    : ['Config activates worker but no listener with "proxy" purpose found'];
  const knowsController =
    config.controller !== undefined || (config.worker.initial_upstreams ?? []).length > 0;
  return knowsController ? faults : [...faults, 'worker.initial_upstreams must name at least one controller'];
}

function listenerFaults(listener: ListenerSection): string[] {
  const { purpose, tls_disable: isPlain } = listener;
  if (purpose === 'cluster' || purpose === 'proxy') {
    return isPlain ? [`listener with purpose ${purpose} always uses TLS; remove tls_disable`] : [];
  }
  const hasCertificate = listener.tls_cert_file !== undefined && listener.tls_key_file !== undefined;
  return isPlain || hasCertificate
    ? []
    : [`listener with purpose ${purpose} needs tls_cert_file and tls_key_file, or tls_disable: true`];
}

function keyFaults(section: KmsSection): string[] {
  const isWhole = Buffer.from(section.key.reveal(), 'base64').length === 32;
  return isWhole ? [] : [`kms key ${section.key_id} must be 32 bytes in base64`];
}
