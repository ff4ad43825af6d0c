import { useQuery } from '@tanstack/react-query';
import { api, call } from '../api/client';

export const factorsKey = ['factors'] as const;

/** What the signed-in person has besides the password. */
export function useFactors() {
  return useQuery({ queryKey: factorsKey, queryFn: () => call(api.GET('/api/auth/factors')) });
}
