import { describe, expect, it } from 'vitest';
import { inDays, scopesRule } from './lifetimes';

describe('a token', () => {
  it('ends that many days from now', () => {
    expect(inDays('7', Date.UTC(2026, 10, 27))).toBe('2026-12-04T00:00:00.000Z');
  });

  it('is for everything, a service, or an action of one', () => {
    expect(scopesRule(['api', 'key-service', 'content-management:publish'])).toBeNull();
    expect(scopesRule([])).toBe('At least one');
    expect(scopesRule(['api', 'Everything!'])).toBe('Everything! is no scope');
  });
});
