// What processes used: CPU seconds and resident memory, from /proc (Linux) or `ps`; and how busy the machine is.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const ticksPerSecond = 100;
const isLinux = process.platform === 'linux';

/** Parent, CPU ticks, and those of its children that have ended; undefined when the process is gone. */
function readStat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map(Number);
    return { parent: Number(fields[1]), ticks: user + system, endedTicks: endedUser + endedSystem };
  } catch {
    return undefined;
  }
}

/** Every process with its parent and CPU ticks. */
function processTable() {
  const table = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(name);
    if (stat !== undefined) table.set(Number(name), stat);
  }
  return table;
}

/** CPU seconds of a process and all its descendants that live now. Elsewhere than on Linux: of the process alone. */
export function cpuSeconds(pid) {
  if (!isLinux) {
    const text = execFileSync('ps', ['-o', 'time=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  }
  const table = processTable();
  let ticks = 0;
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    ticks += table.get(next)?.ticks ?? 0;
    for (const [child, stat] of table) if (stat.parent === next) open.push(child);
  }
  return ticks / ticksPerSecond;
}

/** CPU seconds of this process and of all it ever started. */
export function ownCpuSeconds() {
  const ended = isLinux ? (readStat(process.pid)?.endedTicks ?? 0) / ticksPerSecond : 0;
  return cpuSeconds(process.pid) + ended;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid) {
  if (!isLinux) {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim()) * 1024;
  }
  const line = readFileSync(`/proc/${pid}/status`, 'latin1').match(/^VmRSS:\s+(\d+) kB/m);
  return Number(line?.[1] ?? Number.NaN) * 1024;
}

/** The least resident memory seen over a while: what stays when garbage has gone. */
export async function settledResidentBytes(pid, { forMs, everyMs = 250 }) {
  let least = Number.POSITIVE_INFINITY;
  for (const end = Date.now() + forMs; Date.now() < end;) {
    least = Math.min(least, residentBytes(pid));
    await pause(everyMs);
  }
  return least;
}

/** Busy seconds of all cores since the machine started; undefined elsewhere than on Linux. */
export function busySeconds() {
  if (!isLinux) return undefined;
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** Cores that are busy during the next `ms`. */
export async function busyCores(ms) {
  const before = busySeconds();
  if (before === undefined) return 0;
  const start = performance.now();
  await pause(ms);
  return (busySeconds() - before) / ((performance.now() - start) / 1000);
}
