import { describe, expect, test } from 'vitest';
import type { Command } from '../command.ts';
import { parseArguments } from './argv.ts';
import { Environment } from './environment.ts';

const command: Command = {
  path: 'things list',
  summary: 'List things',
  description: 'Lists things.',
  examples: ['stile things list'],
  groups: [
    {
      title: 'Command Options',
      flags: [
        { name: 'filter', type: 'string', help: 'A filter.' },
        { name: 'recursive', type: 'boolean', help: 'All below.' },
      ],
    },
  ],
  run: () => Promise.resolve(0),
};

describe('values of flags are taken as they are', () => {
  test.each([
    '"/item/id" == "hst_1234567890"',
    '"quoted"',
    "'quoted'",
    '"',
    '',
    '-begins-with-a-dash',
    'a=b=c',
    'two\nlines',
    '""',
  ])('%s', async (text) => {
    const parsed = await parseArguments(command, ['-filter', text, '-recursive'], new Environment({}));
    expect(parsed.flags.text('filter')).toBe(text);
    expect(parsed.flags.bool('recursive')).toBe(true);
  });
});
