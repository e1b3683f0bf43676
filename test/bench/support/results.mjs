// Keeps what was measured: results/<date>.json holds the newest run of each bench of that day, and the table in README.md the
// newest run of each bench of all days.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { tableOf } from './table.mjs';

const folder = fileURLToPath(new URL('../results/', import.meta.url));
const readme = fileURLToPath(new URL('../README.md', import.meta.url));
const beginMark = '<!-- results -->';
const endMark = '<!-- /results -->';

/** Adds results to the file of their day and renews the table. */
export async function keepResults(results) {
  mkdirSync(folder, { recursive: true });
  for (const result of results) {
    const file = join(folder, `${result.measuredAt.slice(0, 10)}.json`);
    const others = readResults(file).filter((each) => each.name !== result.name);
    await writeFormatted(file, JSON.stringify({ benches: [...others, result] }));
  }
  await renewTable();
}

/** As `npm run check` wants it. */
async function writeFormatted(file, text) {
  writeFileSync(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}

function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).benches;
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

/** The newest result of each bench, in the order in which a run without names has them. */
function newestResults() {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const newest = new Map();
  for (const file of files.sort()) {
    for (const result of readResults(join(folder, file))) newest.set(result.name, result);
  }
  return [...newest.values()];
}

async function renewTable() {
  const text = readFileSync(readme, 'utf8');
  const begin = text.indexOf(beginMark);
  const end = text.indexOf(endMark);
  if (begin < 0 || end < begin) throw new Error(`${readme} has no lines ${beginMark} and ${endMark}`);
  const results = newestResults();
  const blocks = results.map((result) => `${headingOf(result)}\n\n${tableOf([result])}`);
  const kept = text.slice(0, begin + beginMark.length);
  await writeFormatted(readme, `${kept}\n\n${blocks.join('\n\n')}\n\n${text.slice(end)}`);
}

function headingOf({ name, title, measuredAt, machine, rounds, note }) {
  const facts = [
    `${measuredAt.slice(0, 16).replace('T', ' ')} UTC`,
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node.slice(1)}`,
    `load before ${machine.loadBefore[0]}`,
  ];
  if (rounds !== undefined) facts.push(disturbanceOf(rounds));
  if (note !== undefined) facts.push(note);
  return `### ${name}: ${title}\n\n${facts.join('; ')}`;
}

/** How much others disturbed the rounds that count. */
function disturbanceOf({ kept, leftOut, foreignCores }) {
  const left = leftOut === 0 ? '' : `, ${leftOut} disturbed ones left out`;
  return `${kept} rounds${left}, others used at most ${foreignCores} cores in them`;
}
