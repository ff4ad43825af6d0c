import { useQuery } from '@tanstack/react-query';
import { api, call } from '../api/client';
import { Problem } from '../api/problem';

/** Whether mails go to the development mailbox; `enabled` for those who may read it. */
export function useMailboxOn(enabled: boolean): boolean {
  const { data } = useQuery({
    queryKey: ['mailbox', 'on'],
    queryFn: async () => {
      try {
        await call(api.GET('/api/users/mailbox', { params: { query: { limit: 1 } } }));
        return true;
      } catch (error) {
        if (error instanceof Problem && error.code === 'mailbox-off') return false;
        throw error;
      }
    },
    enabled,
    // It changes with the configuration, that is read at start.
    staleTime: Number.POSITIVE_INFINITY,
  });
  return enabled && data === true;
}
