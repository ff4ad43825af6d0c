// oauth4webapi, the low-level client for browsers and servers: every reply is validated on its own.
import assert from 'node:assert/strict';

import * as oauth from 'oauth4webapi';

import { run } from '../lib/cases.mjs';
import { eventually, url } from '../lib/nexus.mjs';
import { answer, application, approveDevice, CALLBACK, DEVICE_CODE } from './person.mjs';

const issuer = new URL(url);
const insecure = { [oauth.allowInsecureRequests]: true };

async function server(algorithm = 'oidc') {
  const reply = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
  return oauth.processDiscoveryResponse(issuer, reply);
}

async function asked(as, client, scope) {
  const verifier = oauth.generateRandomCodeVerifier();
  const address = new URL(as.authorization_endpoint);
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = {
    client_id: client.client_id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return { address, parameters, verifier, state, nonce };
}

/** Trades the answer's code in; the caller looks at the reply. */
async function traded(as, client, authentication, request, options = {}) {
  const back = oauth.validateAuthResponse(as, client, await answer(request.address), request.state);
  return oauth.authorizationCodeGrantRequest(as, client, authentication, back, CALLBACK, request.verifier, {
    ...insecure,
    ...options,
  });
}

await run('oauth4webapi', {
  'discovers the issuer by both descriptions': async () => {
    const [oidc, oauth2] = [await server('oidc'), await server('oauth2')];
    assert.deepEqual(oidc, oauth2);
  },
  'code flow, with the signature of the ID token checked': async () => {
    const [as, app] = [await server(), await application()];
    const client = { client_id: app.client_id, id_token_signed_response_alg: 'ES256' };
    const request = await asked(as, client, 'openid email');
    const reply = await traded(as, client, oauth.ClientSecretBasic(app.client_secret), request);
    const expected = { expectedNonce: request.nonce, requireIdToken: true };
    const result = await oauth.processAuthorizationCodeResponse(as, client, reply, expected);
    await oauth.validateApplicationLevelSignature(as, reply, insecure);
    const { sub } = oauth.getValidatedIdTokenClaims(result);
    const userinfo = await oauth.userInfoRequest(as, client, result.access_token, insecure);
    assert.equal((await oauth.processUserInfoResponse(as, client, sub, userinfo)).email, process.env.NEXUS_EMAIL);
  },
  'an access token that is a JWT as RFC 9068 has it': async () => {
    const [as, app] = [await server(), await application({ scopes: ['openid', 'user-auth'] })];
    const client = { client_id: app.client_id };
    const request = await asked(as, client, 'user-auth');
    const reply = await traded(as, client, oauth.ClientSecretBasic(app.client_secret), request);
    const result = await oauth.processAuthorizationCodeResponse(as, client, reply);
    const called = new Request(`${url}/api/users`, { headers: { authorization: `Bearer ${result.access_token}` } });
    const claims = await oauth.validateJwtAccessToken(as, called, 'nexus', { signingAlgorithms: ['EdDSA'], ...insecure });
    assert.equal(claims.client_id, app.client_id);
  },
  'max_age and auth_time': async () => {
    const [as, app] = [await server(), await application()];
    const client = { client_id: app.client_id, id_token_signed_response_alg: 'ES256' };
    const request = await asked(as, client, 'openid');
    request.address.searchParams.set('max_age', '300');
    const reply = await traded(as, client, oauth.ClientSecretBasic(app.client_secret), request);
    const expected = { expectedNonce: request.nonce, maxAge: 300, requireIdToken: true };
    await oauth.processAuthorizationCodeResponse(as, client, reply, expected);
  },
  'pushed request, private_key_jwt and DPoP together': async () => {
    const pair = await oauth.generateKeyPair('ES256', { extractable: true });
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
    const app = await application({
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ kty, crv, x, y }] },
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
    });
    const [as, client] = [await server(), { client_id: app.client_id, id_token_signed_response_alg: 'ES256' }];
    const authentication = oauth.PrivateKeyJwt(pair.privateKey);
    const request = await asked(as, client, 'openid');
    const pushed = await oauth.pushedAuthorizationRequest(as, client, authentication, request.parameters, insecure);
    const { request_uri: uri } = await oauth.processPushedAuthorizationResponse(as, client, pushed);
    request.address = new URL(`${as.authorization_endpoint}?${new URLSearchParams({ client_id: app.client_id, request_uri: uri })}`);
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
    const reply = await traded(as, client, authentication, request, { DPoP });
    const expected = { expectedNonce: request.nonce, requireIdToken: true };
    const result = await oauth.processAuthorizationCodeResponse(as, client, reply, expected);
    assert.equal(result.token_type, 'dpop');
    const { sub } = oauth.getValidatedIdTokenClaims(result);
    const userinfo = await oauth.userInfoRequest(as, client, result.access_token, { DPoP, ...insecure });
    await oauth.processUserInfoResponse(as, client, sub, userinfo);
  },
  'a code is good once': async () => {
    const [as, app] = [await server(), await application()];
    const client = { client_id: app.client_id };
    const authentication = oauth.ClientSecretBasic(app.client_secret);
    const request = await asked(as, client, 'email');
    const back = oauth.validateAuthResponse(as, client, await answer(request.address), request.state);
    const trade = () =>
      oauth.authorizationCodeGrantRequest(as, client, authentication, back, CALLBACK, request.verifier, insecure);
    const result = await oauth.processAuthorizationCodeResponse(as, client, await trade());
    const again = oauth.processAuthorizationCodeResponse(as, client, await trade());
    await assert.rejects(again, (error) => error.error === 'invalid_grant');
    await eventually('what the code became ends', async () => {
      const asked = await oauth.introspectionRequest(as, client, authentication, result.access_token, insecure);
      return !(await oauth.processIntrospectionResponse(as, client, asked)).active;
    });
    const refreshed = await oauth.refreshTokenGrantRequest(as, client, authentication, result.refresh_token, insecure);
    const ended = oauth.processRefreshTokenResponse(as, client, refreshed);
    await assert.rejects(ended, (error) => error.error === 'invalid_grant');
  },
  'a device that asks before its person has answered': async () => {
    const app = await application({ redirect_uris: [], token_endpoint_auth_method: 'none', grant_types: [DEVICE_CODE] , scopes: ['openid'] });
    const [as, client] = [await server(), { client_id: app.client_id, id_token_signed_response_alg: 'ES256' }];
    const begun = await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: 'openid' }, insecure);
    const device = await oauth.processDeviceAuthorizationResponse(as, client, begun);
    const poll = () => oauth.deviceCodeGrantRequest(as, client, oauth.None(), device.device_code, insecure);
    const early = oauth.processDeviceCodeResponse(as, client, await poll());
    await assert.rejects(early, (error) => error.error === 'authorization_pending');
    await approveDevice(device.user_code);
    await new Promise((resolve) => { setTimeout(resolve, device.interval * 1000 + 200); });
    const result = await oauth.processDeviceCodeResponse(as, client, await poll());
    assert.ok(oauth.getValidatedIdTokenClaims(result).sub);
  },
  'errors have the shape of the standard': async () => {
    const [as, app] = [await server(), await application()];
    const client = { client_id: app.client_id };
    const reply = await oauth.introspectionRequest(as, client, oauth.ClientSecretBasic('wrong'), 'x', insecure);
    await assert.rejects(
      oauth.processIntrospectionResponse(as, client, reply),
      (error) => error instanceof oauth.WWWAuthenticateChallengeError || error.error === 'invalid_client',
    );
  },
});
