/** Code blocks of the documents, by the marker above them: `<!-- run: NAME -->` and `<!-- file: NAME -->`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './process.ts';

/** The text of the code block behind a marker. */
export function codeBlock(document: string, kind: 'run' | 'file', name: string): string {
  const text = readFileSync(join(root, document), 'utf8');
  const marker = `<!-- ${kind}: ${name} -->`;
  const from = text.indexOf(marker);
  const found = from < 0 ? null : /^\s*```\w*\n([\s\S]*?)^```$/m.exec(text.slice(from + marker.length));
  if (found?.[1] === undefined) throw new Error(`${document} has no block ${marker}`);
  return found[1];
}

/** Names of all `run` blocks of a document. */
export function blockNames(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/<!-- run: ([\w-]+) -->/g)].map((match) => match[1] ?? '');
}

/** Shell blocks without a marker: commands that nothing would run. */
export function unmarkedShellBlocks(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/(.*)\n+```sh\n([\s\S]*?)^```$/gm)]
    .filter((match) => !/<!-- run: [\w-]+ -->\s*$/.test(match[1] ?? ''))
    .map((match) => match[2] ?? '');
}
