/** What counts as one address for a quota: an IPv4 address, or the /64 of an IPv6 address, of which one machine has as many as it likes. */
import { isIPv6 } from 'node:net';

/** The key of a peer's address; a text that is no address stands for itself. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::');
  const first = head === '' ? [] : head.split(':');
  if (tail === undefined) return networkText(first);
  const last = tail === '' ? [] : tail.split(':');
  // An IPv4 address at the end stands for two groups.
  const groups = last.length + (tail.includes('.') ? 1 : 0);
  return networkText([...first, ...Array.from({ length: 8 - first.length - groups }, () => '0'), ...last]);
}

/** The first four groups, each without leading zeros. */
function networkText(groups: readonly string[]): string {
  return `${groups
    .slice(0, 4)
    .map((group) => (Number.parseInt(group, 16) || 0).toString(16))
    .join(':')}::/64`;
}
