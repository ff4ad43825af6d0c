import type { ServiceStatus } from '../api/types';

/** What is down first, as that is what somebody has to look at. */
export function troubleFirst(services: readonly ServiceStatus[]): ServiceStatus[] {
  return services.toSorted((left, right) => Number(left.status !== 'down') - Number(right.status !== 'down'));
}

export interface Totals {
  up: number;
  down: number;
  requestsPerSecond: number;
  /** The slowest service's. */
  p99: number;
  /** Of all requests, weighted by how many each service has. */
  errorRate: number;
}

export function totalsOf(services: readonly ServiceStatus[]): Totals {
  const requestsPerSecond = services.reduce((sum, { stats }) => sum + stats.requests_per_second, 0);
  const errors = services.reduce((sum, { stats }) => sum + stats.requests_per_second * stats.error_rate, 0);
  return {
    up: services.filter(({ status }) => status === 'up').length,
    down: services.filter(({ status }) => status !== 'up').length,
    requestsPerSecond,
    p99: Math.max(0, ...services.map(({ stats }) => stats.p99_ms)),
    errorRate: requestsPerSecond > 0 ? errors / requestsPerSecond : 0,
  };
}
