/** What a process can say of the machine it runs on. */
import { cpus, totalmem } from 'node:os';

/** Size of a machine. */
export interface MachineFacts {
  /** Processors; 1 at least. */
  readonly cpuCount: number;
  /** Memory, bytes. */
  readonly memoryBytes: number;
}

/** The size of this machine; of a container, that of its host. */
export function machineFacts(): MachineFacts {
  // Some platforms do not tell their processors.
  return { cpuCount: Math.max(1, cpus().length), memoryBytes: totalmem() };
}
