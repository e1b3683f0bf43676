/**
 * What an OpenAPI document takes away from the clients of an older one: the promise of the Cluster API (tokens.md §4.2) as a function.
 * Looks at the entries that the older document marks `x-stability: stable`; what is new is no matter, unless a client must give it.
 */
import type { Json } from './dev-server.ts';

type Side = 'request' | 'response';

/** Schemas of one place in both documents. */
interface Pair {
  readonly before: Json;
  readonly after: Json;
}

/** Compares two documents; gives one line for everything that is broken, none when the newer one keeps the promise. */
export function brokenPromises(before: Json, after: Json): string[] {
  return new Comparison(before, after).run();
}

class Comparison {
  readonly #before: Json;
  readonly #after: Json;
  readonly #broken: string[] = [];
  /** Pairs of references that are being compared: schemas may contain themselves. */
  readonly #open = new Set<string>();

  constructor(before: Json, after: Json) {
    this.#before = before;
    this.#after = after;
  }

  run(): string[] {
    const major = (document: Json): string => String(document.info?.version).split('.')[0] ?? '';
    if (major(this.#before) !== major(this.#after)) this.#say('info.version', 'has another major version');
    for (const [path, methods] of entries(this.#before.paths)) {
      for (const [method, operation] of entries(methods)) {
        if (operation['x-stability'] === 'stable')
          this.#operation(`${method.toUpperCase()} ${path}`, [path, method]);
      }
    }
    for (const [name, scheme] of entries(this.#before.components?.securitySchemes)) {
      const now = this.#after.components?.securitySchemes?.[name];
      const isSame = ['type', 'scheme', 'in', 'name'].every((key) => scheme[key] === now?.[key]);
      if (!isSame) this.#say(`security scheme ${name}`, 'is gone or another');
    }
    return this.#broken;
  }

  #say(where: string, what: string): void {
    this.#broken.push(`${where}: ${what}`);
  }

  #operation(where: string, [path, method]: readonly [string, string]): void {
    const before = this.#before.paths[path][method] as Json;
    const after = this.#after.paths?.[path]?.[method] as Json;
    if (after === undefined) return this.#say(where, 'is gone');
    if (after['x-stability'] !== 'stable') this.#say(where, 'is stable no longer');
    if (after.operationId !== before.operationId) this.#say(where, 'has another operationId');
    this.#security(where, before, after);
    this.#parameters(where, before, after);
    this.#body(where, before, after);
    for (const [status, response] of entries(before.responses)) {
      this.#response(`${where} → ${status}`, response, after.responses?.[status] as Json);
    }
  }

  #security(where: string, before: Json, after: Json): void {
    const ways = (operation: Json, document: Json): string[] =>
      ((operation.security ?? document.security ?? []) as Json[]).map((way) => JSON.stringify(way));
    const [known, now] = [ways(before, this.#before), ways(after, this.#after)];
    // No ways at all: open for everybody.
    if (now.length === 0) return;
    if (known.length === 0) return this.#say(where, 'is open no longer');
    for (const way of known) if (!now.includes(way)) this.#say(where, `is not to be had by ${way} any more`);
  }

  #parameters(where: string, before: Json, after: Json): void {
    const key = ({ name, in: place }: Json): string => `${String(place)} parameter ${String(name)}`;
    const known = new Map(((before.parameters ?? []) as Json[]).map((each) => [key(each), each]));
    const now = new Map(((after.parameters ?? []) as Json[]).map((each) => [key(each), each]));
    for (const [name, parameter] of known) {
      const newer = now.get(name);
      if (newer === undefined) this.#say(where, `${name} is gone`);
      else {
        if (newer.required === true && parameter.required !== true)
          this.#say(where, `${name} is required now`);
        this.#schema(`${where} ${name}`, { before: parameter.schema, after: newer.schema }, 'request');
      }
    }
    for (const [name, parameter] of now) {
      if (!known.has(name) && parameter.required === true) this.#say(where, `${name} is new and required`);
    }
  }

  #body(where: string, before: Json, after: Json): void {
    const [known, now] = [before.requestBody as Json, after.requestBody as Json];
    if (now?.required === true && known?.required !== true) this.#say(where, 'needs a body now');
    for (const [type, { schema }] of entries(known?.content)) {
      const newer = now?.content?.[type]?.schema as Json;
      if (newer === undefined) this.#say(where, `takes no ${type} any more`);
      else this.#schema(`${where} body`, { before: schema, after: newer }, 'request');
    }
  }

  #response(where: string, before: Json, after: Json): void {
    if (after === undefined) return this.#say(where, 'is gone');
    for (const [name] of entries(before.headers)) {
      if (after.headers?.[name] === undefined) this.#say(where, `header ${name} is gone`);
    }
    for (const [type, { schema }] of entries(before.content)) {
      const newer = after.content?.[type]?.schema as Json;
      if (newer === undefined) this.#say(where, `answers no ${type} any more`);
      else this.#schema(where, { before: schema, after: newer }, 'response');
    }
  }

  #schema(where: string, pair: Pair, side: Side): void {
    const reference = `${String(pair.before?.$ref)} ${String(pair.after?.$ref)} ${side}`;
    const isReference = pair.before?.$ref !== undefined;
    if (isReference && this.#open.has(reference)) return;
    if (isReference) this.#open.add(reference);
    const before = resolved(this.#before, pair.before);
    const after = resolved(this.#after, pair.after);
    for (const key of ['type', 'format', 'pattern', 'const']) {
      const isSame = JSON.stringify(before[key]) === JSON.stringify(after[key]);
      if (!isSame) this.#say(where, `${key} was ${String(before[key])} and is ${String(after[key])}`);
    }
    this.#values(where, { before, after }, side);
    this.#members(where, { before, after }, side);
    if (before.items !== undefined) {
      this.#schema(`${where}[]`, { before: before.items, after: after.items ?? {} }, side);
    }
    if (before.additionalProperties !== undefined && typeof before.additionalProperties === 'object') {
      const values = { before: before.additionalProperties, after: after.additionalProperties ?? {} };
      this.#schema(`${where}.*`, values, side);
    }
    if (isReference) this.#open.delete(reference);
  }

  /** Legal values: what a client may send must stay legal; what it may get must not be renamed. */
  #values(where: string, { before, after }: Pair, side: Side): void {
    const [known, now] = [before.enum as unknown[] | undefined, after.enum as unknown[] | undefined];
    for (const value of known ?? []) {
      if (now !== undefined && !now.includes(value)) this.#say(where, `the value ${String(value)} is gone`);
    }
    if (side === 'response') return;
    if (known === undefined && now !== undefined) this.#say(where, 'takes fewer values');
    const isNarrower =
      (after.minimum ?? -Infinity) > (before.minimum ?? -Infinity) ||
      (after.maximum ?? Infinity) < (before.maximum ?? Infinity) ||
      (after.maxLength ?? Infinity) < (before.maxLength ?? Infinity);
    if (isNarrower) this.#say(where, 'takes a smaller range');
    if (before.default !== after.default) this.#say(where, 'has another default');
  }

  #members(where: string, { before, after }: Pair, side: Side): void {
    for (const [name, schema] of entries(before.properties)) {
      const newer = after.properties?.[name] as Json;
      if (newer === undefined) this.#say(where, `field ${name} is gone`);
      else this.#schema(`${where}.${name}`, { before: schema, after: newer }, side);
    }
    const [known, now] = [new Set<string>(before.required), new Set<string>(after.required)];
    const [given, wanted] = side === 'request' ? [now, known] : [known, now];
    for (const name of given) {
      if (wanted.has(name)) continue;
      this.#say(
        where,
        side === 'request' ? `field ${name} is required now` : `field ${name} may be absent now`,
      );
    }
  }
}

function entries(object: unknown): [string, Json][] {
  return Object.entries((object ?? {}) as Record<string, Json>);
}

function resolved(document: Json, schema: Json): Json {
  const path = typeof schema.$ref === 'string' ? schema.$ref.split('/').slice(1) : undefined;
  if (path === undefined) return schema;
  return path.reduce((place: Json, name: string) => (place[name] ?? {}) as Json, document);
}
