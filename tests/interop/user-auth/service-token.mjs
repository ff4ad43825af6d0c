// Prints a token for a directory, made as docs/connect-scim.md says.
import { call, signIn } from '../lib/nexus.mjs';

const made = await call('/api/tokens/service', {
  method: 'POST',
  token: await signIn(),
  body: {
    name: 'Directory',
    roles: ['admin'],
    scopes: ['user-auth:read-directory', 'user-auth:provision'],
    expires_at: new Date(Date.now() + 86_400_000).toISOString(),
  },
});
console.log(made.token);
