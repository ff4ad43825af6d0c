import type { Application } from '../api/types';
import { kindOf } from './definition';

interface Example {
  title: string;
  text: string;
}

/** A program in few lines that works with this application at this cloud; its secret comes from the environment. */
export function exampleOf(application: Application, issuer: string): Example {
  const { client_id: client, scopes } = application;
  switch (kindOf(application)) {
    case 'service':
      return {
        title: 'A token, by curl',
        text: `curl -u ${client}:$CLIENT_SECRET ${issuer}/oauth2/token \\
  -d grant_type=client_credentials -d scope='${scopes.join(' ')}'`,
      };
    case 'device':
      return {
        title: 'A code for the person, by curl',
        text: `curl ${issuer}/oauth2/device_authorization \\
  -d client_id=${client} -d scope='${scopes.join(' ')}'`,
      };
    default:
      return { title: 'Sign in, with openid-client', text: signIn(application, issuer) };
  }
}

function signIn({ client_id, redirect_uris, scopes, token_endpoint_auth_method }: Application, issuer: string): string {
  const secret = token_endpoint_auth_method === 'none' ? 'undefined, client.None()' : 'process.env.CLIENT_SECRET';
  return `import * as client from 'openid-client';

const config = await client.discovery(new URL('${issuer}'), '${client_id}', ${secret});
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: '${redirect_uris?.[0] ?? ''}',
  scope: '${scopes.join(' ')}',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
});
// Send the browser to url; where it comes back to:
const tokens = await client.authorizationCodeGrant(config, currentUrl, {
  pkceCodeVerifier: verifier,
  expectedState: state,
});`;
}
