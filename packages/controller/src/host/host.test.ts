import { expect, test } from 'vitest';
import { addressProblem, bareAddress, differenceOf, requireHostAddress } from './host.ts';

test.each(['10.0.0.1', 'localhost', 'db-1.example.com', '::1', '[2001:db8::1]', 'a_b', 'x'.repeat(255)])(
  'address %s is legal',
  (address) => {
    expect(addressProblem(address, 'Address')).toBeUndefined();
  },
);

test.each([
  ['a', 'Address length must be between 3 and 255 characters.'],
  ['x'.repeat(256), 'Address length must be between 3 and 255 characters.'],
  ['10.0.0.1:22', 'Address does not support a port.'],
  ['[::1]:22', 'Address does not support a port.'],
  ['host:0', 'Address does not support a port.'],
  ['a b c', 'Address must be a host name or an IP address.'],
  ['http://host', 'Address must be a host name or an IP address.'],
  ['[::1', 'Address must be a host name or an IP address.'],
  ['user@host', 'Address must be a host name or an IP address.'],
])('address %s is refused: %s', (address, problem) => {
  expect(addressProblem(address, 'Address')).toBe(problem);
});

test('a wrong address of a host is told in the words of the facts', () => {
  expect(() => requireHostAddress('10.0.0.1:22')).toThrow(
    expect.objectContaining({
      code: 'invalidArgument',
      message: 'Error in provided request.',
      details: {
        requestFields: [
          { name: 'attributes.address', description: 'Address for static hosts does not support a port.' },
        ],
      },
    }),
  );
});

test('an address is dialled without brackets', () => {
  expect(bareAddress('[::1]')).toBe('::1');
  expect(bareAddress('host.example')).toBe('host.example');
});

test('the difference of two lists counts duplicates once', () => {
  expect(differenceOf(['a', 'b'], ['b', 'c', 'c'])).toEqual({ added: ['c'], removed: ['a'] });
});
