import { describe, expect, it } from 'vitest';
import type { ServiceStatus } from '../api/types';
import { totalsOf, troubleFirst } from './figures';
import { remember } from './use-system-overview';

function service(name: string, status: 'up' | 'down', perSecond: number, p99: number, errors = 0): ServiceStatus {
  const stats = { requests_per_second: perSecond, p50_ms: 1, p99_ms: p99, error_rate: errors };
  return { name, domain: 'media', purpose: '', status, checks: [], stats };
}

describe('the home page', () => {
  const services = [service('a', 'up', 30, 4), service('b', 'down', 10, 90, 0.2)];

  it('adds up what runs, and weighs failures by how often they were asked', () => {
    expect(totalsOf(services)).toEqual({ up: 1, down: 1, requestsPerSecond: 40, p99: 90, errorRate: 0.05 });
    expect(totalsOf([])).toEqual({ up: 0, down: 0, requestsPerSecond: 0, p99: 0, errorRate: 0 });
  });

  it('shows first what is down', () => {
    expect(troubleFirst(services).map(({ name }) => name)).toEqual(['b', 'a']);
  });

  it('remembers the last sixty rates of what still runs', () => {
    let history = remember(undefined, { services, missing: [] });
    for (let round = 0; round < 70; round += 1) {
      history = remember(history, { services: [service('a', 'up', round, 1)], missing: [] });
    }
    expect(history.get('a')).toHaveLength(60);
    expect(history.get('a')?.at(-1)).toBe(69);
    expect(history.has('b')).toBe(false);
  });
});
