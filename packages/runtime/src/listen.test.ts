import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { formatHostPort, listen, parseHostPort } from './listen.ts';

describe('addresses', () => {
  it.each([
    ['a.example:22', undefined, { host: 'a.example', port: 22 }],
    ['[::1]:9202', undefined, { host: '::1', port: 9202 }],
    ['[::1]', 7, { host: '::1', port: 7 }],
    ['::1', 7, { host: '::1', port: 7 }],
    ['10.0.0.5', 9, { host: '10.0.0.5', port: 9 }],
  ] as const)('reads %s', (text, defaultPort, expected) => {
    expect(parseHostPort(text, defaultPort)).toEqual(expected);
  });

  it.each(['', ':1', 'a', 'a:', 'a:65536', 'a:1:2', '[::1', '[x]:1', 'a b:1', 'u@h:1', 'a:-1', '[::1]x:1'])(
    'refuses %j with invalidArgument',
    (text) => {
      expect(() => parseHostPort(text)).toThrow(expect.objectContaining({ code: 'invalidArgument' }));
    },
  );

  it('writes an IPv6 literal in brackets', () => {
    expect(formatHostPort('::1', 5)).toBe('[::1]:5');
    expect(formatHostPort('h', 5)).toBe('h:5');
  });
});

describe('listen', () => {
  it('gives the bound port, and names the address and the cause when it is taken', async () => {
    const first = createServer();
    const second = createServer();
    const bound = await listen(first, { host: '127.0.0.1', port: 0 });
    expect(bound.port).toBeGreaterThan(0);
    await expect(listen(second, bound)).rejects.toMatchObject({
      code: 'listenFailed',
      message: `cannot listen on 127.0.0.1:${bound.port}: the address is already in use`,
    });
    first.close();
  });
});
