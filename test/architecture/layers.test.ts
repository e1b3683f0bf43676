/** The import table of design.md §2 and the naming rules, enforced on every source file. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf, root, sourceFiles, type Import } from './sources.ts';

interface Layer {
  readonly allow: readonly string[];
  readonly dynamicOnly?: readonly string[];
  readonly files?: Readonly<Record<string, readonly string[]>>;
}
interface Table {
  readonly layers: Readonly<Record<string, Layer>>;
  readonly repositoryFiles: { readonly suffix: string; readonly allow: readonly string[] };
  readonly browserEntries: readonly string[];
  readonly forbiddenNames: readonly string[];
  readonly maximumFilesPerFolder: { readonly default: number; readonly unlimited: readonly string[] };
}

const table = JSON.parse(readFileSync(join(root, 'test/architecture/layers.json'), 'utf8')) as Table;
const files = sourceFiles('packages').filter((file) => file.includes('/src/'));

/** The most specific layer that a path lies in. */
function layerOf(file: string): string | undefined {
  return Object.keys(table.layers)
    .filter((layer) => file === layer || file.startsWith(`${layer}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** Package name of a specifier: `pg` of `pg/lib/x`, `@stile/protocol` of `@stile/protocol/ids`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function isAllowed(each: Import, file: string, layerName: string, layer: Layer): boolean {
  const extra = layer.files?.[basename(file)] ?? [];
  const repository = file.endsWith(table.repositoryFiles.suffix) ? table.repositoryFiles.allow : [];
  const allowed = [...layer.allow, ...extra, ...repository];
  if (allowed.includes('*')) return true;
  if (each.file !== undefined) {
    const target = layerOf(each.file);
    if (target === layerName) return true;
    if (each.file.includes('/gen/')) return allowed.includes('gen');
    const packageFolder = file.split('/').slice(0, 3).join('/');
    return target !== undefined && allowed.some((name) => target === `${packageFolder}/${name}`);
  }
  if (each.specifier.startsWith('node:'))
    return allowed.includes('node:*') || allowed.includes(each.specifier);
  const name = packageOf(each.specifier);
  return (
    allowed.includes(name) ||
    ((each.isDynamic || each.isTypeOnly) && (layer.dynamicOnly ?? []).includes(name))
  );
}

describe('who may import what', () => {
  test('every source file lies in a layer of the table', () => {
    expect(files.filter((file) => layerOf(file) === undefined && !file.endsWith('/src/index.ts'))).toEqual(
      [],
    );
  });

  test('no file imports what its layer may not', () => {
    const wrong = files.flatMap((file) => {
      const layerName = layerOf(file);
      const layer = layerName === undefined ? undefined : table.layers[layerName];
      if (layerName === undefined || layer === undefined) return [];
      return importsOf(file)
        .filter((each) => !isAllowed(each, file, layerName, layer))
        .map((each) => `${file} imports ${each.specifier}`);
    });
    expect(wrong).toEqual([]);
  });

  test('nobody reaches into the sources or the build of another package', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((each) => /^@stile\/[^/]+\/(src|dist)\//.test(each.specifier))
        .map((each) => `${file} imports ${each.specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('browser entries and all they import use neither node nor ws', () => {
    const wrong: string[] = [];
    const seen = new Set<string>();
    const visit = (file: string, entry: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const each of importsOf(file)) {
        if (each.file !== undefined) visit(each.file, entry);
        else if (each.specifier.startsWith('@stile/protocol/')) {
          visit(`packages/protocol/src/${each.specifier.slice('@stile/protocol/'.length)}.ts`, entry);
        } else if (!each.isTypeOnly) wrong.push(`${file} (from ${entry}) imports ${each.specifier}`);
      }
    };
    for (const entry of table.browserEntries) visit(entry, entry);
    expect(wrong).toEqual([]);
  });

  test('no import cycle runs through the sources', () => {
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const each of importsOf(file)) {
        if (each.file !== undefined && files.includes(each.file)) visit(each.file, [...path, file]);
      }
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });
});

describe('names and sizes', () => {
  test('no file or folder has a name that says nothing', () => {
    const wrong = files.filter((file) =>
      file.split('/').some((part) => table.forbiddenNames.includes(part.replace(/\.ts$/, ''))),
    );
    expect(wrong).toEqual([]);
  });

  test('a folder holds twelve files at most', () => {
    const counts = new Map<string, number>();
    for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
    const { default: maximum, unlimited } = table.maximumFilesPerFolder;
    const wrong = [...counts].filter(
      ([folder, count]) => count > maximum && !unlimited.some((name) => folder.endsWith(`/${name}`)),
    );
    expect(wrong).toEqual([]);
  });

  test('every source file opens with a comment that says what it is', () => {
    const wrong = files.filter((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return !file.endsWith('/index.ts') && !text.startsWith('/**') && !text.startsWith('#!');
    });
    expect(wrong).toEqual([]);
  });
});
