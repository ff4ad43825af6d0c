import type { Application } from '../api/types';

export const applicationsKey = ['applications'] as const;

/** The kinds of program that a form offers; each stands for a way to authenticate and for grant types. */
export const KINDS = {
  web: {
    label: 'Web application',
    meaning: 'Has a server that keeps a secret',
    method: 'client_secret_basic',
    grants: ['authorization_code', 'refresh_token'],
  },
  public: {
    label: 'Browser or phone application',
    meaning: 'Runs where nothing can be kept secret',
    method: 'none',
    grants: ['authorization_code', 'refresh_token'],
  },
  device: {
    label: 'Device',
    meaning: 'Has no browser: a television, a command line',
    method: 'none',
    grants: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  },
  service: {
    label: 'Service',
    meaning: 'Acts for itself, without a person',
    method: 'client_secret_basic',
    grants: ['client_credentials'],
  },
} as const satisfies Record<
  string,
  {
    label: string;
    meaning: string;
    method: Application['token_endpoint_auth_method'];
    grants: Application['grant_types'];
  }
>;

export type Kind = keyof typeof KINDS;

/** The kind that an application is, as far as the form knows it. */
export function kindOf(application: Application): Kind {
  if (application.grant_types.includes('client_credentials')) return 'service';
  if (!application.grant_types.includes('authorization_code')) return 'device';
  return application.token_endpoint_auth_method === 'none' ? 'public' : 'web';
}

/** What the form has of an application. */
export type Values = {
  name: string;
  kind: Kind;
  redirect_uris: string;
  post_logout_redirect_uris: string;
  scopes: string[];
};

/** The form of an application, or of a new one. */
export function valuesOf(application: Application | null): Values {
  return {
    name: application?.name ?? '',
    kind: application ? kindOf(application) : 'web',
    redirect_uris: application?.redirect_uris?.join('\n') ?? '',
    post_logout_redirect_uris: application?.post_logout_redirect_uris?.join('\n') ?? '',
    scopes: application?.scopes ?? ['openid', 'profile', 'email'],
  };
}

/** The lines of a text that have something on them. */
export function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** What the API is told; what the form does not have stays as it was. */
export function definitionOf(values: Values, before: Application | null) {
  const kind = KINDS[values.kind];
  const same = before && kindOf(before) === values.kind ? before : null;
  return {
    name: values.name.trim(),
    redirect_uris: values.kind === 'web' || values.kind === 'public' ? lines(values.redirect_uris) : [],
    post_logout_redirect_uris: lines(values.post_logout_redirect_uris),
    token_endpoint_auth_method: same?.token_endpoint_auth_method ?? kind.method,
    scopes: values.scopes,
    grant_types: same?.grant_types ?? [...kind.grants],
    roles: values.kind === 'service' ? (same?.roles ?? ['member' as const]) : [],
    ...(same && {
      jwks: same.jwks,
      id_token_signed_response_alg: same.id_token_signed_response_alg,
      dpop_bound_access_tokens: same.dpop_bound_access_tokens,
      require_pushed_authorization_requests: same.require_pushed_authorization_requests,
      backchannel_logout_uri: same.backchannel_logout_uri,
    }),
  };
}
