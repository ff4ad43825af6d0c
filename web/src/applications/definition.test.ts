import { describe, expect, it } from 'vitest';
import type { Application } from '../api/types';
import { definitionOf, KINDS, type Kind, kindOf, lines, valuesOf } from './definition';

const web: Application = {
  client_id: 'c1',
  name: 'Newsroom',
  redirect_uris: ['https://newsroom.example/callback'],
  post_logout_redirect_uris: [],
  token_endpoint_auth_method: 'client_secret_post',
  scopes: ['openid'],
  grant_types: ['authorization_code', 'refresh_token'],
  roles: [],
  id_token_signed_response_alg: 'EdDSA',
  dpop_bound_access_tokens: true,
  require_pushed_authorization_requests: false,
  created_at: '2026-11-27T10:00:00Z',
  updated_at: '2026-11-27T10:00:00Z',
};

describe('the form of an application', () => {
  it('gives back what it was given, and keeps what it does not show', () => {
    const definition = definitionOf(valuesOf(web), web);
    expect(definition).toMatchObject({
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'EdDSA',
      dpop_bound_access_tokens: true,
      redirect_uris: web.redirect_uris,
    });
  });

  it('makes of each kind what it finds again', () => {
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const made = definitionOf({ ...valuesOf(null), kind, redirect_uris: 'https://a.example/cb' }, null);
      expect(kindOf({ ...web, ...made })).toBe(kind);
    }
  });

  it('gives only a service roles, and only what a browser comes back to addresses', () => {
    const service = definitionOf({ ...valuesOf(web), kind: 'service' }, web);
    expect([service.roles, service.redirect_uris]).toEqual([['member'], []]);
    expect(definitionOf(valuesOf(web), web).roles).toEqual([]);
  });

  it('reads addresses line by line', () => {
    expect(lines(' https://a.example/cb \n\nhttps://b.example/cb\n')).toEqual([
      'https://a.example/cb',
      'https://b.example/cb',
    ]);
  });
});
