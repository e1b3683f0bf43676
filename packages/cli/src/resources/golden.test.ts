/**
 * Every command of every resource against its golden file (test/golden/cli): what it sends, its table, its JSON, its curl line, and
 * its errors. Each runs its own example from the help text. A new row of the table fails here until its golden text is written
 * (`npm run golden`) and read.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  describeGolden,
  goldenFolder,
  isWritingGolden,
  wrongExits,
} from '../../../../test/support/golden-commands.ts';
import { sampleAnswer } from '../../../../test/support/sample-answers.ts';
import { commandTable } from '../command-table.ts';
import { commandsOf } from './resource-commands.ts';
import { specs } from './specs.ts';

for (const { name } of specs) {
  describeGolden({
    name,
    commands: commandsOf(name),
    // The type that a command is about is the word behind create, update and their like.
    answer: (request, command) => sampleAnswer(request, command.path.split(' ')[2] ?? ''),
  });
}

describe('the table of resources', () => {
  test('every row has a first word in the command table, and a golden file; no golden file is without a row', () => {
    const names = specs.map((spec) => spec.name);
    const words = commandTable.map((row) => row.name);
    expect(names.filter((name) => !words.includes(name))).toEqual([]);
    if (isWritingGolden) return;
    const files = readdirSync(goldenFolder);
    expect(names.filter((name) => !files.includes(`${name}.txt`))).toEqual([]);
    expect(files.filter((file) => !words.includes(file.replace(/\.txt$/, '')))).toEqual([]);
  });

  test('every command is answered with success when the controller agrees, and exits 1 when it refuses', () => {
    for (const { name } of specs) expect({ name, wrong: wrongExits(name) }).toEqual({ name, wrong: [] });
  });
});
