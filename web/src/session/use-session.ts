import { useSuspenseQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { api, call } from '../api/client';
import type { Role } from '../api/types';
import { type SessionState, sessionState, subscribe } from './session';

export function useSession(): SessionState {
  return useSyncExternalStore(subscribe, sessionState);
}

export const profileKey = ['users', 'me'] as const;

/** The signed-in person. Only below `SignedIn`, that waits for it. */
export function useProfile() {
  return useSuspenseQuery({ queryKey: profileKey, queryFn: () => call(api.GET('/api/users/me')), staleTime: 60_000 })
    .data;
}

/** From least to most: each role may do all that those before it may. */
export const ROLES = ['member', 'editor', 'admin', 'owner'] as const satisfies readonly Role[];

/** Whether one of the roles is `least` or more. */
export function mayActAs(roles: readonly Role[], least: Role): boolean {
  return roles.some((role) => ROLES.indexOf(role) >= ROLES.indexOf(least));
}
