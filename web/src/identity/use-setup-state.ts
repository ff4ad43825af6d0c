import { useQuery } from '@tanstack/react-query';
import { call, publicApi } from '../api/client';

/** Whether this cloud waits for its owner. */
export function useSetupState() {
  return useQuery({ queryKey: ['setup'], queryFn: () => call(publicApi.GET('/api/users/setup')) });
}
