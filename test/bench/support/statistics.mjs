// Order statistics of measured values. Every figure of a bench is a median over rounds with its least and greatest value.

/** Ascending copy. */
function sorted(values) {
  return Float64Array.from(values).sort();
}

/**
 * The value below which a share of the values lies (nearest rank).
 * @param {ArrayLike<number>} values at least one
 * @param {number} share 0 to 1
 */
export function percentile(values, share) {
  if (values.length === 0) throw new Error('percentile of no values');
  const ordered = sorted(values);
  return ordered[Math.min(ordered.length - 1, Math.max(0, Math.ceil(share * ordered.length) - 1))];
}

/** The middle value; of two middle ones their mean. */
export function median(values) {
  if (values.length === 0) throw new Error('median of no values');
  const ordered = sorted(values);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

/** Median, least and greatest value and how many there are. */
export function spread(values) {
  const ordered = sorted(values);
  return {
    median: median(ordered),
    min: ordered[0],
    max: ordered[ordered.length - 1],
    rounds: ordered.length,
  };
}

/** A copy of the list that starts at another place each round, so that no peer is always first. */
export function rotated(list, round) {
  const start = round % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
