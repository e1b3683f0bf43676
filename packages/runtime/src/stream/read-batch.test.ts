/** The bytes of a turn in shared slabs: whole, in order, and never changed while somebody needs them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReadBatch, ReadSlabs, slabBytes } from './read-batch.ts';

const bytesOf = (seed: number, length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => (seed * 31 + at * 7) & 0xff));

/** What happens to one of some streams that share the slabs of a thread. */
type Step =
  | { readonly kind: 'push'; readonly stream: number; readonly bytes: number }
  | { readonly kind: 'hand'; readonly stream: number; readonly isKept: boolean }
  | { readonly kind: 'release' | 'clear' | 'drop'; readonly stream: number };

const stream = fc.nat({ max: 3 });
const size = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 1, max: 16_384 }),
  fc.constantFrom(slabBytes - 1, slabBytes, slabBytes + 1),
);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('push' as const), stream, bytes: size }),
    fc.record({ kind: fc.constant('hand' as const), stream, isKept: fc.boolean() }),
    fc.record({ kind: fc.constantFrom('release' as const, 'clear' as const, 'drop' as const), stream }),
  ),
  { maxLength: 60 },
);

/** One stream of the model: what it has pushed, and what its receiver holds. */
interface Model {
  batch: ReadBatch;
  pushed: Buffer[];
  kept: { readonly pieces: readonly Buffer[]; readonly wanted: Buffer }[];
}

function run(slabs: ReadSlabs, sequence: readonly Step[]): void {
  const models = Array.from({ length: 4 }, (): Model => ({
    batch: new ReadBatch(slabs),
    pushed: [],
    kept: [],
  }));
  for (const [at, step] of sequence.entries()) {
    const model = models[step.stream];
    if (model === undefined) continue;
    apply(slabs, model, step, at);
    // Whatever the others do, what a receiver keeps stays as it was handed on.
    for (const { kept } of models)
      for (const { pieces, wanted } of kept) expect(Buffer.concat(pieces).equals(wanted)).toBe(true);
  }
}

function apply(slabs: ReadSlabs, model: Model, step: Step, at: number): void {
  switch (step.kind) {
    case 'push': {
      const bytes = bytesOf(at, step.bytes);
      model.batch.push(bytes);
      model.pushed.push(Buffer.from(bytes));
      // The memory that was pushed is the caller's again.
      bytes.fill(0);
      break;
    }
    case 'hand':
      model.batch.hand((pieces) => {
        const wanted = Buffer.concat(model.pushed);
        expect(Buffer.concat(pieces).equals(wanted)).toBe(true);
        if (step.isKept) model.kept.push({ pieces, wanted });
        return step.isKept ? 'kept' : 'ready';
      });
      model.pushed = [];
      break;
    case 'release':
      model.batch.release();
      model.kept = [];
      break;
    case 'clear':
      model.batch.clear();
      model.pushed = [];
      break;
    case 'drop':
      // The stream is gone; what its receiver still writes must not change.
      model.batch = new ReadBatch(slabs);
      model.pushed = [];
  }
  expect(model.batch.isEmpty).toBe(model.pushed.length === 0);
}

describe('a read batch', () => {
  test('gives every byte once and in order, and leaves alone what is kept, whatever the streams beside it do', () => {
    fc.assert(fc.property(steps, (sequence) => run(new ReadSlabs(), sequence)));
  });

  test('has what came in many small pieces as one', () => {
    const batch = new ReadBatch(new ReadSlabs());
    for (let count = 0; count < 10_000; count += 1) batch.push(Buffer.from('x'));
    batch.hand((pieces) => {
      expect(pieces).toHaveLength(1);
      expect(pieces[0]?.length).toBe(10_000);
      return 'ready';
    });
  });

  test('uses the same memory again when nobody keeps it', () => {
    const slabs = new ReadSlabs();
    const batch = new ReadBatch(slabs);
    const seen = new Set<ArrayBufferLike>();
    for (let turn = 0; turn < 100; turn += 1) {
      for (let record = 0; record < 16; record += 1) batch.push(Buffer.alloc(16_384));
      batch.hand((pieces) => {
        for (const piece of pieces) seen.add(piece.buffer);
        return 'ready';
      });
    }
    expect(seen.size).toBeLessThanOrEqual(5);
  });
});
