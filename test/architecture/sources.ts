/** What the architecture tests know of the tree: the source files and their imports, as oxc-parser reads them. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

/** Folder of the checkout. */
export const root: string = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** One import of a file. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /** For a relative import: the file it names, from the root. */
  readonly file: string | undefined;
  readonly isDynamic: boolean;
  readonly isTypeOnly: boolean;
}

/** Every TypeScript source below a folder, paths from the root, tests left out. */
export function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** All imports and re-exports of a file; `import type` counts too, or cycles hide. */
export function importsOf(file: string): Import[] {
  const { module, errors } = parseSync(file, readFileSync(join(root, file), 'utf8'));
  if (errors.length > 0) throw new Error(`${file} does not parse: ${errors[0]?.message ?? ''}`);
  const make = (specifier: string, isDynamic: boolean, isTypeOnly: boolean): Import => ({
    specifier,
    isDynamic,
    isTypeOnly,
    file: specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : undefined,
  });
  const source = readFileSync(join(root, file), 'utf8');
  const dynamic = module.dynamicImports.map(({ moduleRequest }) => {
    const text = source.slice(moduleRequest.start, moduleRequest.end);
    return make(text.replace(/^['"`]|['"`]$/g, ''), true, false);
  });
  const fixed = module.staticImports.map((entry) =>
    make(
      entry.moduleRequest.value,
      false,
      entry.entries.length > 0 && entry.entries.every((each) => each.isType),
    ),
  );
  const again = module.staticExports
    .flatMap((entry) => entry.entries)
    .flatMap((entry) => (entry.moduleRequest ? [make(entry.moduleRequest.value, false, entry.isType)] : []));
  return [...fixed, ...again, ...dynamic];
}
