import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, call } from '../api/client';
import type { SystemOverview } from '../api/types';

const POLL_MS = 3_000;
/** What a curve shows: the last three minutes. */
const SAMPLES = 60;

const overviewKey = ['system', 'services'] as const;
const historyKey = ['system', 'rate-history'] as const;

type History = Map<string, number[]>;

/** Every running service with its health and its last minute, every few seconds while the page is seen. */
export function useSystemOverview() {
  const client = useQueryClient();
  return useQuery({
    queryKey: overviewKey,
    queryFn: async () => {
      const overview = await call(api.GET('/api/system/services'));
      client.setQueryData<History>(historyKey, (before) => remember(before, overview));
      return overview;
    },
    refetchInterval: POLL_MS,
    staleTime: 0,
  });
}

/** The request rates seen so far, oldest first, by service. */
export function useRateHistory(): History {
  const { data } = useQuery<History>({ queryKey: historyKey, queryFn: () => new Map(), enabled: false });
  return data ?? new Map();
}

export function remember(before: History | undefined, { services }: SystemOverview): History {
  return new Map(
    services.map(({ name, stats }) => [
      name,
      [...(before?.get(name) ?? []), stats.requests_per_second].slice(-SAMPLES),
    ]),
  );
}
