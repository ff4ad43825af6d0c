import { describe, expect, it } from 'vitest';
import { emailRule, nameRule, newPasswordRule, strength, typedPasswordRule } from './rules';

describe('the rules', () => {
  it('take names in any script and no empty or endless ones', () => {
    for (const name of ['Ada', ' Zoë O’Neill ', '李小龍', 'a'.repeat(100)]) expect(nameRule(name), name).toBeNull();
    for (const name of ['', '   ', 'a'.repeat(101)]) expect(nameRule(name), name).not.toBeNull();
  });

  it('take addresses and refuse what surely is none', () => {
    for (const email of ['ada@example.com', ' Ada.L+x@sub.example.co ']) expect(emailRule(email), email).toBeNull();
    const wrong = [
      '',
      'ada',
      '@example.com',
      'ada@',
      'ada@example',
      'a b@example.com',
      `${'a'.repeat(250)}@example.com`,
    ];
    for (const email of wrong) expect(emailRule(email), email).not.toBeNull();
  });

  it('count characters of a new password as people do, and refuse the address itself', () => {
    expect(newPasswordRule('1234567')).toMatch('At least 8');
    expect(newPasswordRule('🐎🔋📎🌊🐎🔋📎')).toMatch('At least 8');
    expect(newPasswordRule('12345678')).toBeNull();
    expect(newPasswordRule('a'.repeat(129))).toMatch('At most 128');
    expect(newPasswordRule(' ADA@example.com', 'ada@example.com')).toMatch('Not your e-mail');
    expect(newPasswordRule('ada@example.com', 'bob@example.com')).toBeNull();
  });

  it('ask of a typed password only that it is there', () => {
    expect(typedPasswordRule('')).not.toBeNull();
    expect(typedPasswordRule('x')).toBeNull();
  });
});

describe('the strength of a password', () => {
  it('grows with length and falls with repetition', () => {
    const scores = ['short', 'aaaaaaaaaaaa', 'tr0ub4dor', 'purple harbour', 'correct horse battery'].map(
      (password) => strength(password).score,
    );
    expect(scores).toEqual([0, 1, 2, 3, 4]);
  });

  it('is nothing for what counts up, and for the address', () => {
    expect(strength('abcdefghijklmnop').score).toBe(1);
    expect(strength('ada@example.com', 'ada@example.com').score).toBe(0);
  });
});
