/** Property tests of the shell's ways: any lines lead to places that are there and to the commands that `stile` would run; Tab only adds to a line. */
import { ApiClient } from '@stile/client/api';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import { findRow, resolveCommand } from '../../packages/cli/src/command-path.ts';
import { commandTable } from '../../packages/cli/src/command-table.ts';
import { actionOf, type LineAction } from '../../packages/cli/src/shell/line-action.ts';
import { completeLine } from '../../packages/cli/src/shell/line-completion.ts';
import { scanLine } from '../../packages/cli/src/shell/line-parser.ts';
import {
  commandAt,
  isNamespace,
  loadRegistry,
  type Place,
  type Registry,
} from '../../packages/cli/src/shell/place.ts';
import { RemoteValues } from '../../packages/cli/src/shell/remote-values.ts';
import { ManualClock } from '../support/manual-clock.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await loadRegistry(commandTable);
});

const word = fc.oneof(
  fc.constantFrom(
    'targets',
    'targets/',
    'create',
    'tcp',
    'connect',
    'connect/',
    'ssh',
    'host_sets',
    'list',
    'read',
    'x',
  ),
  fc.constantFrom(
    '..',
    '../..',
    '/',
    '.',
    '../users',
    '/auth-methods',
    '?',
    'ls',
    'help',
    'exit',
    '-h',
    '--',
    '#',
  ),
  fc.constantFrom(
    '-id',
    '-id=ttcp_1',
    'id=ttcp_1',
    'scope_id=',
    '-format',
    'json',
    '-recursive',
    'recursive=t',
    "'a b'",
  ),
  fc.constantFrom(
    '"',
    "'",
    '\\',
    '{"a": [1]}',
    'attrs={"a":',
    '[',
    'ttcp_1234567890',
    '__proto__',
    'constructor',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const line = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '));

/** Lines of which many end where an id is asked for. */
const typedLine = fc.oneof(
  line,
  fc
    .tuple(
      fc.constantFrom(
        'targets read -id ',
        'targets read id=',
        'targets read -id=',
        'connect ',
        'roles delete -id ',
      ),
      fc.constantFrom('', 'ttcp_', "'", '"', "'ttcp_", '"ttcp_', 'ttcp\\_'),
    )
    .map((parts) => parts.join('')),
);

function actionIn(place: Place, text: string): LineAction | undefined {
  try {
    return actionOf(registry, place, text);
  } catch (error) {
    expect(error).toBeInstanceOf(StileError);
    expect(error).toMatchObject({ code: 'invalidFlag' });
    return undefined;
  }
}

describe('a walk', () => {
  test('leads to namespaces only, and what it runs is what stile runs for the same words', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        let place: Place = [];
        for (const text of lines) {
          const action = actionIn(place, text);
          if (action?.kind === 'enter') place = action.place;
          if (action?.kind === 'enter' || action?.kind === 'list')
            expect(isNamespace(registry, action.place)).toBe(true);
          if (action?.kind === 'help' && action.place.length > 0)
            expect(
              isNamespace(registry, action.place) || commandAt(registry, action.place) !== undefined,
            ).toBe(true);
          if (action?.kind === 'run') {
            expect(findRow(registry.rows, action.words[0])?.name).toBe(action.words[0]);
            expect(resolveCommand(registry.commands, action.words)?.command).toBe(action.command);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('Tab', () => {
  test('at any line adds to what is typed, and a name of any text becomes one word', async () => {
    await fc.assert(
      fc.asyncProperty(typedLine, fc.string({ unit: 'binary' }), async (text, name) => {
        const client = new ApiClient({
          address: 'http://stub',
          transport: () =>
            Promise.resolve({
              status: 200,
              header: () => undefined,
              body: JSON.stringify({ items: [{ id: `ttcp_${name}` }] }),
            }),
        });
        const remote = new RemoteValues((work) => work(client), new ManualClock());
        const { candidates, typed } = await completeLine({ registry, remote }, [], text);
        expect(text.endsWith(typed)).toBe(true);
        const before = scanLine(text.slice(0, text.length - typed.length)).words.length;
        for (const candidate of candidates) {
          expect(candidate.startsWith(typed)).toBe(true);
          expect(candidate).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
          const { words, problem } = scanLine(text.slice(0, text.length - typed.length) + candidate);
          expect(problem).toBeUndefined();
          expect(words.length - before).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 500 },
    );
  });
});
