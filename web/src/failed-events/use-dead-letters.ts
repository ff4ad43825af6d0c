import { useQuery } from '@tanstack/react-query';
import { api, call } from '../api/client';

export const deadLettersKey = ['system', 'dead-letters'] as const;

/** The events that a service gave up on, of all services: as many as a page has at most. */
export function useDeadLetters({ enabled = true }: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: deadLettersKey,
    queryFn: () => call(api.GET('/api/system/dead-letters', { params: { query: { limit: 200 } } })),
    enabled,
    refetchInterval: 30_000,
  });
}
