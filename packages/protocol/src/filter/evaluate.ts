/**
 * Evaluation of a parsed filter on plain JSON values (go-bexpr 0.1.15). Three answers: true, false, and undefined for what
 * cannot be evaluated, which ends the evaluation as an error does in the original. Runs in a browser.
 */
import type { StepBudget } from './regex.ts';
import type { EachExpression, Expression, MatchExpression, Selector } from './syntax.ts';

/** Steps one evaluation may take: comparisons, and states of regular expressions. All of them take some 10 ms. */
const maxSteps = 250_000;

interface Scope {
  readonly root: unknown;
  /** Names of quantifiers, the innermost last. */
  readonly locals: ReadonlyMap<string, unknown>;
  readonly budget: StepBudget;
}

/** What a selector found. */
type Found =
  | { readonly kind: 'value'; readonly value: unknown }
  /** A key that its object lacks: negative comparisons hold, others do not. */
  | { readonly kind: 'missing' }
  /** A way that leads nowhere. */
  | { readonly kind: 'broken' };

const missing: Found = { kind: 'missing' };
const broken: Found = { kind: 'broken' };

/** The answer of a filter for one value. */
export function evaluate(expression: Expression, root: unknown): boolean | undefined {
  return answer(expression, { root, locals: new Map(), budget: { left: maxSteps } });
}

function answer(expression: Expression, scope: Scope): boolean | undefined {
  scope.budget.left -= 1;
  if (scope.budget.left < 0) return undefined;
  switch (expression.kind) {
    case 'and':
    case 'or':
      return joined(expression.parts, expression.kind === 'or', scope);
    case 'not': {
      const inner = answer(expression.part, scope);
      return inner === undefined ? undefined : !inner;
    }
    case 'any':
    case 'all':
      return each(expression, scope);
    case 'match':
      return match(expression, scope);
  }
}

/** Left to right up to the first part that decides. */
function joined(parts: readonly Expression[], decisive: boolean, scope: Scope): boolean | undefined {
  for (const part of parts) {
    const found = answer(part, scope);
    if (found === undefined || found === decisive) return found;
  }
  return !decisive;
}

function each(expression: EachExpression, scope: Scope): boolean | undefined {
  const found = find(expression.selector, scope);
  const decisive = expression.kind === 'any';
  if (found.kind !== 'value') return found.kind === 'missing' ? !decisive : undefined;
  const { value } = found;
  if (typeof value !== 'object' || value === null) return undefined;
  const { name, keyName, valueName } = expression;
  const isList = Array.isArray(value);
  for (const [key, item] of Object.entries(value)) {
    const locals = new Map(scope.locals);
    const index = isList ? Number(key) : key;
    if (name !== undefined) locals.set(name, isList ? item : key);
    if (keyName !== undefined) locals.set(keyName, index);
    if (valueName !== undefined) locals.set(valueName, item);
    const part = answer(expression.body, { ...scope, locals });
    if (part === undefined || part === decisive) return part;
  }
  return !decisive;
}

function match(expression: MatchExpression, scope: Scope): boolean | undefined {
  const found = find(expression.selector, scope);
  if (found.kind === 'broken') return undefined;
  const holds =
    found.kind === 'missing'
      ? expression.operator === 'isEmpty'
      : compare(expression, found.value, scope.budget);
  return holds === undefined ? undefined : holds !== expression.isNegated;
}

function compare(expression: MatchExpression, value: unknown, budget: StepBudget): boolean | undefined {
  switch (expression.operator) {
    case 'equal':
      return equals(value, expression.value);
    case 'in':
      return contains(value, expression.value, budget);
    case 'isEmpty':
      return isEmpty(value);
    case 'matches':
      return typeof value === 'string' ? expression.regex?.test(value, budget) : undefined;
  }
}

/** Reads the filter's text as what it is compared with; undefined when it cannot be that. */
function equals(value: unknown, text: string): boolean | undefined {
  if (typeof value === 'string') return value === text;
  if (typeof value === 'number') {
    const number = readNumber(text);
    return number === undefined ? undefined : value === number;
  }
  if (typeof value !== 'boolean') return undefined;
  const wanted = booleans.get(text);
  return wanted === undefined ? undefined : value === wanted;
}

/** Go's strconv.ParseBool. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

function readNumber(text: string): number | undefined {
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?$/.test(text) ? Number(text) : undefined;
}

/** An element of a list, a key of a map, a part of a text. */
function contains(value: unknown, text: string, budget: StepBudget): boolean | undefined {
  if (typeof value === 'string') return value.includes(text);
  if (Array.isArray(value)) {
    budget.left -= value.length;
    return value.some((item) => equals(item, text) === true);
  }
  if (typeof value === 'object' && value !== null) return Object.hasOwn(value, text);
  return undefined;
}

function isEmpty(value: unknown): boolean | undefined {
  if (typeof value === 'string' || Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return undefined;
}

function find(selector: Selector, scope: Scope): Found {
  const [first = '', ...rest] = selector;
  const isLocal = selector.length > 0 && scope.locals.has(first);
  let value: unknown = isLocal ? scope.locals.get(first) : scope.root;
  const path = isLocal ? rest : selector;
  for (const [i, name] of path.entries()) {
    const step = stepInto(value, name);
    if (step.kind === 'missing') {
      // The outermost value is a record with known names, not a map: an unknown name is an error there.
      return i === path.length - 1 && (isLocal || i > 0) ? missing : broken;
    }
    if (step.kind === 'broken') return broken;
    value = step.value;
  }
  return value === null || value === undefined ? missing : { kind: 'value', value };
}

function stepInto(value: unknown, name: string): Found {
  if (Array.isArray(value)) {
    const isIndex = /^(?:0|[1-9]\d{0,8})$/.test(name) && Number(name) < value.length;
    return isIndex ? { kind: 'value', value: value[Number(name)] } : broken;
  }
  if (typeof value !== 'object' || value === null) return broken;
  if (!Object.hasOwn(value, name)) return missing;
  return { kind: 'value', value: Object.getOwnPropertyDescriptor(value, name)?.value };
}
