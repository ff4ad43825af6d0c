import createClient from 'openapi-fetch';
import { authorizedFetch } from '../session/session';
import { problemOf, unreachable } from './problem';
import type { paths } from './schema';

/** Every route of the API document, typed, with the signed-in person's token. Use it with {@link call}. */
export const api = createClient<paths>({
  // `location` is what a relative address means to a browser; tests have one too.
  baseUrl: location.origin,
  fetch: (request) => authorizedFetch(request),
});

/** As {@link api}, as nobody: for what people do before they have a session, where a token at its end must not be in the way. */
export const publicApi = createClient<paths>({ baseUrl: location.origin, fetch: (request) => fetch(request) });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer; throws a {@link Problem} when it was refused or none came. */
export async function call<T>(request: Promise<Answer<T>>): Promise<T> {
  return (await ask(request)).data as T;
}

/** As {@link call}, with the `ETag` that an update of the thing takes as `If-Match`. */
export async function callVersioned<T>(request: Promise<Answer<T>>): Promise<{ body: T; etag: string }> {
  const answer = await ask(request);
  return { body: answer.data as T, etag: answer.response.headers.get('etag') ?? '' };
}

/** What an update of a thing that came in a list sends as `If-Match`: the `ETag` of its version. */
export function etagOf({ version }: { version: number }): string {
  return `"${version}"`;
}

async function ask<T>(request: Promise<Answer<T>>): Promise<Answer<T>> {
  const answer = await request.catch((cause: unknown) => {
    // That is how `fetch` says that no answer came.
    throw cause instanceof TypeError ? unreachable(cause) : cause;
  });
  if (!answer.response.ok) throw problemOf(answer.response, answer.error);
  return answer;
}
