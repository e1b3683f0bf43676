// Work done several at a time, and the one clock that all processes of a bench share.

/** Runs `work(index)` for 0 … count-1, `width` at a time; fails with the first error. */
export async function inParallel(count, width, work) {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}

/** Milliseconds of a clock that all processes of the machine share. */
export function sharedClockMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}
