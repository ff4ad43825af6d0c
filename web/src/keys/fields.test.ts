import { describe, expect, it } from 'vitest';
import { fieldsOf, secretOf } from './fields';
import { deepPath, keyNameRule } from './names';

describe('the fields of a secret', () => {
  it('come back as they were', () => {
    const value = { password: 'correct horse', hosts: ['a', 'b'], nested: { port: 25 }, looks: '{not json' };
    expect(secretOf(fieldsOf(value))).toEqual(value);
  });

  it('stay text where they look like a number: a PIN has zeros in front', () => {
    expect(secretOf([{ name: ' pin ', value: '0042' }])).toEqual({ pin: '0042' });
  });
});

describe('the path of a secret', () => {
  it('keeps its slashes and encodes the rest', () => {
    expect(deepPath('/data/{path}', { path: 'shared/a b?c' })).toBe('/data/shared/a%20b%3Fc');
  });
});

describe('the name of a key', () => {
  it('is what the server takes', () => {
    expect(keyNameRule('orders.v2_eu-1')).toBeNull();
    for (const name of ['', 'a/b', '-a', 'a b']) expect(keyNameRule(name)).not.toBeNull();
  });
});
