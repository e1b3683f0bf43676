/**
 * Secrets are compared in constant time only. Every comparison in the sources whose operands sound like a secret is looked at; what is left
 * is named below with the reason why it is none. A comparison that is new here fails, and must be made with `timingSafeEqual` or named.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { expect, test } from 'vitest';
import { root, sourceFiles } from './sources.ts';

/** Words in the names of values that prove something. */
const secretWords =
  /(?:mac|hmac|secret|tofu|digest|signature|otp|recoverycode|bearer|nonce)(?![a-z])|password$/i;
const operators = new Set(['===', '!==', '==', '!=']);

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

function visit(value: unknown, seen: (node: Node) => void): void {
  if (Array.isArray(value)) for (const each of value) visit(each, seen);
  else if (isNode(value)) {
    seen(value);
    for (const child of Object.values(value)) if (typeof child === 'object') visit(child, seen);
  }
}

/** Whether comparing with it says only whether something is there, how long it is or of which kind. */
function isHarmless(node: unknown, text: string): boolean {
  if (!isNode(node)) return true;
  if (node.type === 'Literal' || node.type === 'UnaryExpression' || node.type === 'TemplateLiteral')
    return true;
  return /^(?:undefined|null|true|false)$/.test(text) || /\.(?:length|byteLength|size|type|kind)$/.test(text);
}

/** Comparisons in a file of which one operand sounds like a secret, as they are written. */
function suspicious(file: string): readonly string[] {
  const source = readFileSync(join(root, file), 'utf8');
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} does not parse`);
  const found: string[] = [];
  const textOf = (node: unknown): string => (isNode(node) ? source.slice(node.start, node.end) : '');
  visit(program, (node) => {
    if (node.type === 'BinaryExpression' && operators.has(String(node['operator']))) {
      const sides = [node['left'], node['right']];
      if (sides.some((side) => isHarmless(side, textOf(side)))) return;
      if (sides.some((side) => secretWords.test(textOf(side)))) found.push(`${file}: ${textOf(node)}`);
    }
    if (node.type === 'CallExpression') {
      const text = textOf(node);
      const callee = textOf(node['callee']);
      const compares = /(?:\.equals|\.compare|\.localeCompare)$/.test(callee);
      if (compares && secretWords.test(text)) found.push(`${file}: ${text}`);
    }
  });
  return found;
}

/** Comparisons that are none of a secret, and why. */
const known: Readonly<Record<string, string>> = {
  'packages/controller/src/api/http/credential.ts: bearer !== token': 'both were sent by the same client',
  'packages/controller/src/auth/token/auth-token-text.ts: check !== checkSum(id, secret)':
    'a sum that everybody can compute, over what the client sent',
};

const files = sourceFiles('packages').filter((file) => /^packages\/(controller|worker)\/src\//.test(file));

test('case 32: no secret is compared but by timingSafeEqual', () => {
  expect(files.flatMap(suspicious).filter((each) => !(each in known))).toEqual([]);
});

test('case 32: the exceptions are still there', () => {
  const found = new Set(files.flatMap(suspicious));
  expect(Object.keys(known).filter((each) => !found.has(each))).toEqual([]);
});

test('case 32: whoever checks a token, a list token, a TOFU token or a certificate uses timingSafeEqual', () => {
  for (const file of [
    'packages/controller/src/auth/token/auth-token-service.ts',
    'packages/controller/src/api/http/signed-text.ts',
    'packages/controller/src/session/session-serving.ts',
    'packages/worker/src/handshake.ts',
    'packages/worker/src/accept/session-tls.ts',
  ]) {
    const source = readFileSync(join(root, file), 'utf8');
    expect(source).toMatch(/import \{[^}]*\btimingSafeEqual\b[^}]*\} from 'node:crypto'/);
    expect(source.match(/timingSafeEqual\(/g)?.length ?? 0).toBeGreaterThan(0);
  }
});
