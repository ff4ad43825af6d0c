import { call, publicApi } from '../api/client';
import { Problem } from '../api/problem';
import { signedIn } from '../session/session';

export interface Credentials {
  email: string;
  password: string;
}

/** How often a sign-in is repeated that met a change of the account: the change is over when the answer comes. */
const REPEATS = 2;

/** Signs this browser in. */
export async function signIn(credentials: Credentials, repeats = REPEATS): Promise<void> {
  const { email, password } = credentials;
  try {
    signedIn(await call(publicApi.POST('/api/auth/login', { body: { email, password } })));
  } catch (error) {
    if (repeats === 0 || !(error instanceof Problem && error.code === 'sign-in-again')) throw error;
    await signIn(credentials, repeats - 1);
  }
}
