// openid-client, a relying party for Node.js, with its checks of issuer, signatures and nonces as they are.
import assert from 'node:assert/strict';

import * as client from 'openid-client';

import { run } from '../lib/cases.mjs';
import { url } from '../lib/nexus.mjs';
import { answer, application, approveDevice, CALLBACK, DEVICE_CODE, registrationToken, TOKEN_EXCHANGE } from './person.mjs';

const issuer = new URL(url);
const insecure = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };

async function discovered(app, authentication = client.ClientSecretBasic(app.client_secret), metadata = {}) {
  const about = { id_token_signed_response_alg: 'ES256', ...metadata };
  return client.discovery(issuer, app.client_id, about, authentication, insecure);
}

/** Goes through the code flow, and returns the tokens that the client accepted. */
async function signedIn(config, { scope = 'openid profile email', push = false, options } = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const parameters = {
    redirect_uri: CALLBACK,
    scope,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  };
  const address = push
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, options)
    : client.buildAuthorizationUrl(config, parameters);
  const back = await answer(address);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return client.authorizationCodeGrant(config, back, checks, undefined, options);
}

await run('openid-client', {
  'discovers the issuer': async () => {
    const metadata = (await discovered(await application())).serverMetadata();
    assert.equal(metadata.issuer, url);
    assert.ok(metadata.supportsPKCE());
  },
  'code flow with PKCE, an ID token and userinfo': async () => {
    const config = await discovered(await application());
    const tokens = await signedIn(config);
    const { sub, email } = tokens.claims();
    assert.equal(email, process.env.NEXUS_EMAIL);
    const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub);
    assert.equal(userinfo.name, 'Owner');
  },
  'an ID token by EdDSA': async () => {
    const app = await application({ id_token_signed_response_alg: 'EdDSA' });
    const config = await discovered(app, client.ClientSecretBasic(app.client_secret), { id_token_signed_response_alg: 'EdDSA' });
    assert.ok((await signedIn(config)).claims().sub);
  },
  'a refusal comes back with state and issuer': async () => {
    const config = await discovered(await application());
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const address = client.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const checks = { pkceCodeVerifier: verifier, expectedState: state };
    const refused = client.authorizationCodeGrant(config, await answer(address, 'deny'), checks);
    await assert.rejects(refused, (error) => error.error === 'access_denied');
  },
  'an answer that names another issuer is refused (RFC 9207)': async () => {
    const config = await discovered(await application());
    const verifier = client.randomPKCECodeVerifier();
    const address = client.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const back = await answer(address);
    assert.equal(back.searchParams.get('iss'), url);
    back.searchParams.set('iss', 'https://evil.example');
    await assert.rejects(client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier }));
  },
  'refreshes, and a refresh token is good once': async () => {
    const config = await discovered(await application());
    const tokens = await signedIn(config);
    const next = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.notEqual(next.refresh_token, tokens.refresh_token);
    assert.equal(next.claims().sub, tokens.claims().sub);
    const reused = client.refreshTokenGrant(config, tokens.refresh_token);
    await assert.rejects(reused, (error) => error.error === 'invalid_grant');
  },
  'pushed authorization requests': async () => {
    const config = await discovered(await application({ require_pushed_authorization_requests: true }));
    assert.ok((await signedIn(config, { push: true })).id_token);
  },
  'a secret in the form': async () => {
    const app = await application({ token_endpoint_auth_method: 'client_secret_post' });
    const config = await discovered(app, client.ClientSecretPost(app.client_secret));
    assert.ok((await signedIn(config)).access_token);
  },
  'a public application': async () => {
    const config = await discovered(await application({ token_endpoint_auth_method: 'none' }), client.None());
    assert.ok((await signedIn(config)).access_token);
  },
  'private_key_jwt': async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
    const jwks = { keys: [{ kty, crv, x, y, kid: 'k1', alg: 'ES256' }] };
    const app = await application({ token_endpoint_auth_method: 'private_key_jwt', jwks });
    const config = await discovered(app, client.PrivateKeyJwt({ key: pair.privateKey, kid: 'k1' }));
    assert.ok((await signedIn(config, { push: true })).access_token);
  },
  'DPoP: tokens bound to a key, also when they are refreshed': async () => {
    const config = await discovered(await application({ dpop_bound_access_tokens: true }));
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
    const tokens = await signedIn(config, { options: { DPoP } });
    assert.equal(tokens.token_type, 'dpop');
    const { sub } = tokens.claims();
    await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
    const next = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
    await client.fetchUserInfo(config, next.access_token, sub, { DPoP });
    const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair());
    await assert.rejects(client.fetchUserInfo(config, next.access_token, sub, { DPoP: other }));
    await assert.rejects(client.fetchUserInfo(config, next.access_token, sub));
  },
  'client credentials': async () => {
    const app = await application({
      redirect_uris: [],
      grant_types: ['client_credentials'],
      scopes: ['user-auth'],
      roles: ['admin'],
    });
    const config = await discovered(app);
    const tokens = await client.clientCredentialsGrant(config, { scope: 'user-auth:list-users' });
    const people = await client.fetchProtectedResource(config, tokens.access_token, new URL('/api/users', url), 'GET');
    assert.equal((await people.json()).items[0].email, process.env.NEXUS_EMAIL);
  },
  'device authorization': async () => {
    const app = await application({
      redirect_uris: [],
      token_endpoint_auth_method: 'none',
      grant_types: [DEVICE_CODE, 'refresh_token'],
    });
    const config = await discovered(app, client.None());
    const device = await client.initiateDeviceAuthorization(config, { scope: 'openid email' });
    assert.equal(device.verification_uri, `${url}/device`);
    await approveDevice(device.user_code);
    const tokens = await client.pollDeviceAuthorizationGrant(config, device);
    assert.equal(tokens.claims().email, process.env.NEXUS_EMAIL);
  },
  'token exchange': async () => {
    const config = await discovered(
      await application({ grant_types: ['authorization_code', TOKEN_EXCHANGE], scopes: ['openid', 'user-auth'] }),
    );
    const tokens = await signedIn(config, { scope: 'openid user-auth' });
    const traded = await client.genericGrantRequest(config, TOKEN_EXCHANGE, {
      subject_token: tokens.access_token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'user-auth:list-users',
    });
    assert.equal(traded.scope, 'user-auth:list-users');
  },
  'introspection and revocation': async () => {
    const config = await discovered(await application());
    const tokens = await signedIn(config);
    const said = await client.tokenIntrospection(config, tokens.access_token);
    assert.deepEqual([said.active, said.sub], [true, tokens.claims().sub]);
    await client.tokenRevocation(config, tokens.refresh_token);
    await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token));
    assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
  },
  'dynamic registration': async () => {
    const metadata = {
      redirect_uris: [CALLBACK],
      scope: 'openid profile email',
      id_token_signed_response_alg: 'ES256',
      // The way in which the library shows who it is when it is told no other.
      token_endpoint_auth_method: 'client_secret_post',
    };
    const initialAccessToken = await registrationToken();
    const config = await client.dynamicClientRegistration(issuer, metadata, undefined, { initialAccessToken, ...insecure });
    assert.ok((await signedIn(config)).claims().sub);
  },
  'sign-out by the application': async () => {
    const config = await discovered(await application());
    const tokens = await signedIn(config);
    const address = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: 'https://rp.example/bye',
      state: 'over',
    });
    const reply = await fetch(address, { redirect: 'manual' });
    assert.equal(reply.headers.get('location'), 'https://rp.example/bye?state=over');
  },
});
