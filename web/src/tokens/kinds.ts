import { api, call } from '../api/client';
import type { Role } from '../api/types';

/** Whose tokens: a person's own, or those of the organisation's programs. */
export type Kind = 'personal' | 'service';

/** What a new token is asked to be. */
export interface NewToken {
  name: string;
  scopes: string[];
  expires_at: string;
  /** Of a program; a person's token has what the person has. */
  role: Role;
}

export function listTokens(kind: Kind, cursor: string | undefined) {
  const params = { params: { query: { cursor } } };
  return call(kind === 'personal' ? api.GET('/api/tokens/personal', params) : api.GET('/api/tokens/service', params));
}

export function makeToken(kind: Kind, { role, ...about }: NewToken) {
  return call(
    kind === 'personal'
      ? api.POST('/api/tokens/personal', { body: about })
      : api.POST('/api/tokens/service', { body: { ...about, roles: [role] } }),
  );
}

export function revokeToken(kind: Kind, id: string) {
  const params = { params: { path: { id } } };
  return call(
    kind === 'personal'
      ? api.DELETE('/api/tokens/personal/{id}', params)
      : api.DELETE('/api/tokens/service/{id}', params),
  );
}
