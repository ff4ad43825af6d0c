// The system as a program sees it, in plain HTTP: what suites need around the client that they are about.
import { setTimeout as pause } from 'node:timers/promises';

export const url = process.env.NEXUS_URL;
export const uploads = `${url}/api/dsp/upload/files`;

/** Calls the API and returns the JSON of a good answer. */
export async function call(path, { method = 'GET', token, body, headers = {} } = {}) {
  const reply = await fetch(url + path, {
    method,
    headers: {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
  return reply.status === 204 ? undefined : reply.json();
}

/** Signs the owner in and returns an access token. */
export async function signIn() {
  const body = { email: process.env.NEXUS_EMAIL, password: process.env.NEXUS_PASSWORD, refresh_token: 'body' };
  return (await call('/api/auth/login', { method: 'POST', body })).access_token;
}

/** Asks until the answer is something, at most for two minutes. */
export async function eventually(what, ask) {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within two minutes`);
    await pause(200);
  }
}

/** The upload as the service lists it; `location` is the address that tus gave. */
export function uploadOf(location, token) {
  return call(`/api/dsp/upload/uploads/${location.split('/').at(-1)}`, { token });
}

/** The content item that an upload became, once its media can be played. */
export async function playableContent(location, token) {
  const contentId = await eventually('the upload becomes content', async () => {
    const upload = await uploadOf(location, token);
    if (upload.state === 'refused') throw new Error(`refused: ${upload.error}`);
    return upload.content_id;
  });
  return eventually('the media can be played', async () => {
    const content = await call(`/api/content/${contentId}`, { token });
    if (content.media.state === 'failed') throw new Error(`failed: ${content.media.error}`);
    return content.media.state === 'ready' && content;
  });
}
