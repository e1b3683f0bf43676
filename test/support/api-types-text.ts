/** TypeScript types of the API's JSON, written from its OpenAPI document: what `packages/client/src/api/api-schema.ts` holds. */

/** As much of JSON Schema as the document uses. */
interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly readOnly?: boolean;
  readonly writeOnly?: boolean;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>>;
}

interface PathOperation {
  readonly requestBody?: Content;
  readonly responses?: Readonly<Record<string, Content>>;
}

/** As much of an OpenAPI document as is read. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, PathOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

type Direction = 'output' | 'input';

/** One operation as the client names it: `targets:add-host-sources`. */
interface NamedOperation {
  readonly key: string;
  readonly on: 'item' | 'collection';
  readonly method: string;
  readonly request: JsonSchema | undefined;
  readonly response: JsonSchema | undefined;
}

const standardVerbs: Readonly<Record<string, string>> = {
  'get collection': 'list',
  'post collection': 'create',
  'get item': 'read',
  'patch item': 'update',
  'delete item': 'delete',
};

function jsonOf(content: Content | undefined): JsonSchema | undefined {
  return content?.content?.['application/json']?.schema;
}

function operationsOf(document: OpenApi): NamedOperation[] {
  const found = Object.entries(document.paths).flatMap(([path, methods]) => {
    const [, resource = '', id, verb] = /^\/v1\/([^/:{]+)(\/\{[^}]+\})?(?::(.+))?$/.exec(path) ?? [];
    // Not a collection of resources: the document itself.
    if (resource === '' || resource.includes('.')) return [];
    return Object.entries(methods).flatMap(([method, operation]) => {
      const on = id === undefined ? ('collection' as const) : ('item' as const);
      const name = verb ?? standardVerbs[`${method} ${on}`];
      if (name === undefined) return [];
      const success = Object.entries(operation.responses ?? {}).find(([status]) => status.startsWith('2'));
      return [
        {
          key: `${resource}:${name}`,
          on,
          method: method.toUpperCase(),
          request: jsonOf(operation.requestBody),
          response: jsonOf(success?.[1]),
        },
      ];
    });
  });
  return found.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function referredName(schema: JsonSchema | undefined): string | undefined {
  return schema?.$ref?.replace('#/components/schemas/', '');
}

/** Writes the types of one document. */
class TypesWriter {
  readonly #document: OpenApi;
  readonly #operations: readonly NamedOperation[];
  readonly #outputs = new Set<string>();
  readonly #inputs = new Set<string>();

  constructor(document: OpenApi) {
    this.#document = document;
    this.#operations = operationsOf(document);
    for (const { request, response } of this.#operations) {
      const requestName = referredName(request);
      const responseName = referredName(response) ?? referredName(response?.properties?.['items']?.items);
      if (requestName !== undefined) this.#inputs.add(requestName);
      if (responseName !== undefined) this.#outputs.add(responseName);
    }
  }

  text(): string {
    const names = [...new Set([...this.#outputs, ...this.#inputs])].toSorted();
    return [
      "/** Types of the API's JSON, made from its OpenAPI document by `npm run docs`; a test holds them to it. */",
      this.#listPage(),
      ...names.flatMap((name) => this.#interfaces(name)),
      this.#operationTable(),
    ].join('\n\n');
  }

  #listPage(): string {
    return [
      '/** One page of a list. */',
      'export interface ListPage<T> {',
      'readonly items?: readonly T[];',
      "readonly response_type?: 'delta' | 'complete';",
      'readonly list_token?: string;',
      'readonly sort_by?: string;',
      'readonly sort_dir?: string;',
      'readonly removed_ids?: readonly string[];',
      'readonly est_item_count?: number;',
      '}',
    ].join('\n');
  }

  /** Name of a component's type in a direction; what is only sent has one name. */
  #nameOf(component: string, direction: Direction): string {
    return direction === 'input' && this.#outputs.has(component) ? `${component}Input` : component;
  }

  #interfaces(component: string): string[] {
    const schema = this.#document.components.schemas[component] ?? {};
    const write = (direction: Direction, what: string): string =>
      `/** ${what} */\nexport interface ${this.#nameOf(component, direction)} ${this.#object(schema, direction)}`;
    return [
      ...(this.#outputs.has(component) ? [write('output', `${component} in answers.`)] : []),
      ...(this.#inputs.has(component)
        ? [write('input', `${component} in requests; null clears a field.`)]
        : []),
    ];
  }

  #object(schema: JsonSchema, direction: Direction): string {
    const hidden = (field: JsonSchema): boolean =>
      direction === 'output' ? field.writeOnly === true : field.readOnly === true;
    const fields = Object.entries(schema.properties ?? {})
      .filter(([, field]) => !hidden(field))
      .map(([name, field]) => {
        const comment = field.description === undefined ? '' : `/** ${field.description} */\n`;
        const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
        const type = this.#type(field, direction);
        // Any JSON includes null.
        const clears = direction === 'input' && type !== 'unknown' ? ' | null' : '';
        return `${comment}readonly ${key}?: ${type}${clears};`;
      });
    return `{\n${fields.join('\n')}\n}`;
  }

  #type(schema: JsonSchema, direction: Direction): string {
    const name = referredName(schema);
    if (name !== undefined) return this.#nameOf(name, direction);
    const choices = schema.oneOf ?? schema.anyOf;
    if (choices !== undefined) return choices.map((choice) => this.#type(choice, direction)).join(' | ');
    if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
    switch (schema.type ?? '') {
      case 'string':
        return 'string';
      case 'boolean':
        return 'boolean';
      case 'integer':
      case 'number':
        return 'number';
      case 'array':
        return `readonly (${this.#type(schema.items ?? {}, direction)})[]`;
      case 'object':
        return this.#objectType(schema, direction);
      default:
        return 'unknown';
    }
  }

  #objectType(schema: JsonSchema, direction: Direction): string {
    if (schema.properties !== undefined) return this.#object(schema, direction);
    const value = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
    return `Readonly<Record<string, ${this.#type(value, direction)}>>`;
  }

  #response(schema: JsonSchema | undefined): string {
    if (schema === undefined) return 'undefined';
    const { items, response_type: responseType } = schema.properties ?? {};
    const isPage = items?.items !== undefined && responseType !== undefined;
    return isPage ? `ListPage<${this.#type(items.items ?? {}, 'output')}>` : this.#type(schema, 'output');
  }

  #operationTable(): string {
    const rows = this.#operations.map(({ key, on, method, request, response }) =>
      [
        `readonly '${key}': {`,
        `readonly on: '${on}';`,
        `readonly method: '${method}';`,
        `readonly request: ${request === undefined ? 'undefined' : this.#type(request, 'input')};`,
        `readonly response: ${this.#response(response)};`,
        '};',
      ].join('\n'),
    );
    return `/** Every operation: what it is on, what it takes and what it answers. */\nexport interface ApiOperations {\n${rows.join('\n')}\n}`;
  }
}

/** The types of a document, not yet formatted. */
export function apiTypesText(document: OpenApi): string {
  return `${new TypesWriter(document).text()}\n`;
}
