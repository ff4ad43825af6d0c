// The person and the admin: what a browser and the console do between an application's request and its answer.
import { call, signIn, url } from '../lib/nexus.mjs';

export const CALLBACK = 'https://rp.example/callback';
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** Registers an application as an admin does. */
export async function application(changes = {}) {
  const body = {
    name: 'Interop',
    redirect_uris: [CALLBACK],
    post_logout_redirect_uris: ['https://rp.example/bye'],
    token_endpoint_auth_method: 'client_secret_basic',
    scopes: ['openid', 'profile', 'email', 'offline_access', 'user-auth'],
    grant_types: ['authorization_code', 'refresh_token'],
    ...changes,
  };
  return call('/api/auth/v2/applications', { method: 'POST', token: await signIn(), body });
}

/** Follows an authorization address as a browser, lets the person answer, and returns where the browser is sent. */
export async function answer(authorization, verb = 'approve') {
  const brought = await fetch(authorization, { redirect: 'manual' });
  if (brought.status !== 303) throw new Error(`authorize: ${brought.status} ${await brought.text()}`);
  const page = new URL(brought.headers.get('location'));
  if (page.origin + page.pathname !== `${url}/authorize`) return page;
  const cookie = brought.headers.get('set-cookie').split(';')[0];
  const path = `/api/auth/v2/authorizations/${page.searchParams.get('request')}/${verb}`;
  const reply = await call(path, { method: 'POST', token: await signIn(), headers: { Cookie: cookie } });
  return new URL(reply.redirect_to);
}

/** Says yes to what a device shows. */
export async function approveDevice(userCode) {
  await call(`/api/auth/v2/device/${userCode}/approve`, { method: 'POST', token: await signIn() });
}

/** An initial access token for dynamic registration. */
export async function registrationToken() {
  const body = { name: 'Interop', days: 1 };
  const made = await call('/api/auth/v2/registration-tokens', { method: 'POST', token: await signIn(), body });
  return made.token;
}
