/** What a hostile peer sends: bytes near to a good message, and bytes that are none. Arbitraries for property tests. */
import { StileError } from '@stile/protocol';
import fc from 'fast-check';

/** `good` cut off, with bytes changed, put in, repeated, or followed by others. */
export function mutated(good: Uint8Array): fc.Arbitrary<Uint8Array> {
  const place = fc.nat(Math.max(0, good.length - 1));
  const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
  return fc.oneof(
    place.map((at) => good.slice(0, at)),
    fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 8 }).map((changes) => {
      const bytes = good.slice();
      for (const [at, byte] of changes) if (bytes.length > 0) bytes[at] = byte;
      return bytes;
    }),
    fc
      .tuple(place, fc.uint8Array({ minLength: 1, maxLength: 40 }))
      .map(([at, more]) => join(good.slice(0, at), more, good.slice(at))),
    fc
      .tuple(place, place)
      .map(([from, to]) => join(good, good.slice(Math.min(from, to), Math.max(from, to)))),
    fc.uint8Array({ maxLength: 200 }).map((more) => join(good, more)),
  );
}

/** Near misses of all `good` messages, and noise. */
export function hostileBytes(good: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...good).chain(mutated) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2000 }) },
  );
}

/** The value of `work`, or its StileError. Anything else that it throws is a defect and is thrown on. */
export function valueOrStileError<T>(work: () => T): T | StileError {
  try {
    return work();
  } catch (error) {
    if (error instanceof StileError) return error;
    throw error;
  }
}
