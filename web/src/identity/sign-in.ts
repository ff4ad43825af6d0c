import { call, publicApi } from '../api/client';
import { Problem } from '../api/problem';
import type { Challenge } from '../api/types';
import { signedIn, type TokenReply } from '../session/session';

export interface Credentials {
  email: string;
  password: string;
}

/** How often a sign-in is repeated that met a change of the account: the change is over when the answer comes. */
const REPEATS = 2;

/** Signs this browser in; a challenge when a code has to follow. */
export async function signIn({ email, password }: Credentials): Promise<Challenge | null> {
  return firstStep(await repeated(() => call(publicApi.POST('/api/auth/login', { body: { email, password } }))));
}

/** Signs this browser in by a link that was mailed; a challenge when a code has to follow. */
export async function signInByLink(token: string): Promise<Challenge | null> {
  return firstStep(await repeated(() => call(publicApi.POST('/api/auth/login/link', { body: { token } }))));
}

/** The second step: the code that the challenge asks for. */
export async function sendCode({ challenge }: Challenge, code: string): Promise<void> {
  signedIn(await call(publicApi.POST('/api/auth/login/second-factor', { body: { challenge, code } })));
}

function firstStep(reply: TokenReply | Challenge): Challenge | null {
  if ('challenge' in reply) return reply;
  signedIn(reply);
  return null;
}

async function repeated<T>(send: () => Promise<T>, repeats = REPEATS): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (repeats === 0 || !(error instanceof Problem && error.code === 'sign-in-again')) throw error;
    return repeated(send, repeats - 1);
  }
}
