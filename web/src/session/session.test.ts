import { beforeEach, describe, expect, it, vi } from 'vitest';
import { serve } from '../test/server';

type Session = typeof import('./session');

/** Channels of one name hear each other and not themselves, as in a browser; at once, so that tests need not wait. */
class FakeChannel {
  static all: FakeChannel[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor(readonly name: string) {
    FakeChannel.all.push(this);
  }
  postMessage(data: unknown) {
    for (const other of FakeChannel.all) {
      if (other !== this && other.name === this.name) other.onmessage?.({ data: structuredClone(data) });
    }
  }
}

/** One lock for the whole browser: who asks next waits for who asked before. */
function fakeLocks() {
  let last: Promise<unknown> = Promise.resolve();
  return {
    request: <T>(_name: string, work: () => Promise<T>): Promise<T> => {
      const mine = last.then(work, work);
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

/** A tab: the module with state of its own. */
async function openTab(): Promise<Session> {
  vi.resetModules();
  return import('./session');
}

/** A tab with an access token that is at its end. */
async function tabToRefresh(): Promise<Session> {
  const tab = await openTab();
  tab.signedIn({ access_token: 'old', expires_in: 0, session_id: 's1' });
  return tab;
}

let issued = 0;
const refreshed = () => {
  issued += 1;
  return { body: { access_token: `new-${issued}`, expires_in: 300, session_id: 's1' } };
};
const refused = (code: string) => () => ({
  status: 401,
  body: { code, title: 'Not signed in', detail: 'no', status: 401 },
});
const get = (path: string) => new Request(new URL(path, location.origin));

beforeEach(() => {
  issued = 0;
  localStorage.clear();
  FakeChannel.all = [];
  vi.stubGlobal('BroadcastChannel', FakeChannel);
  Object.defineProperty(navigator, 'locks', { value: fakeLocks(), configurable: true });
});

describe('refresh', () => {
  it('happens once, however many requests need a token', async () => {
    const tab = await tabToRefresh();
    const server = serve({ 'POST /api/tokens/refresh': refreshed, 'GET /api/users/me': () => ({ body: {} }) });
    await Promise.all([1, 2, 3, 4, 5].map(() => tab.authorizedFetch(get('/api/users/me'))));
    expect(server.count('POST /api/tokens/refresh')).toBe(1);
    const tokens = server.sent.filter(({ route }) => route === 'GET /api/users/me').map((one) => one.authorization);
    expect(tokens).toEqual(Array(5).fill('Bearer new-1'));
  });

  it('of one tab serves the other that waited for its turn', async () => {
    const first = await tabToRefresh();
    const second = await tabToRefresh();
    const server = serve({ 'POST /api/tokens/refresh': refreshed });
    const tokens = await Promise.all([first.accessToken(), second.accessToken()]);
    expect(tokens).toEqual(['new-1', 'new-1']);
    expect(server.count('POST /api/tokens/refresh')).toBe(1);
  });

  it('does not happen while the token is good', async () => {
    const tab = await openTab();
    tab.signedIn({ access_token: 'good', expires_in: 300, session_id: 's1' });
    serve({});
    expect(await tab.accessToken()).toBe('good');
  });

  it('that is refused ends the session, here and in other tabs', async () => {
    const other = await openTab();
    const tab = await tabToRefresh();
    serve({ 'POST /api/tokens/refresh': refused('invalid-refresh-token') });
    await expect(tab.accessToken()).rejects.toMatchObject({ status: 401, code: 'invalid-refresh-token' });
    expect(tab.sessionState()).toEqual({ status: 'signed-out', ended: true });
    expect(other.sessionState().status).toBe('signed-out');
  });

  it('without an answer leaves the session as it was', async () => {
    const tab = await tabToRefresh();
    serve({});
    await expect(tab.accessToken()).rejects.toMatchObject({ code: 'unreachable' });
    expect(tab.sessionState().status).toBe('signed-in');
    serve({ 'POST /api/tokens/refresh': refreshed });
    expect(await tab.accessToken()).toBe('new-1');
  });
});

describe('a request', () => {
  it('whose token is refused is sent once more with a new one, body included', async () => {
    const tab = await openTab();
    tab.signedIn({ access_token: 'revoked', expires_in: 300, session_id: 's1' });
    const server = serve({
      'POST /api/tokens/refresh': refreshed,
      'POST /api/content': ({ authorization }) =>
        authorization === 'Bearer new-1' ? { status: 201, body: {} } : refused('invalid-token')(),
    });
    const request = new Request(new URL('/api/content', location.origin), {
      method: 'POST',
      body: JSON.stringify({ title: 'Harbour' }),
    });
    expect((await tab.authorizedFetch(request)).status).toBe(201);
    expect(server.sent.at(-1)?.body).toEqual({ title: 'Harbour' });
    expect(server.count('POST /api/tokens/refresh')).toBe(1);
  });

  it('that is refused with a new token too is answered as it is', async () => {
    const tab = await openTab();
    tab.signedIn({ access_token: 'old', expires_in: 300, session_id: 's1' });
    const server = serve({ 'POST /api/tokens/refresh': refreshed, 'GET /api/x': refused('invalid-token') });
    expect((await tab.authorizedFetch(get('/api/x'))).status).toBe(401);
    expect(server.count('GET /api/x')).toBe(2);
  });

  it('of a visitor carries no token and refreshes nothing', async () => {
    const tab = await openTab();
    await tab.start();
    const server = serve({ 'GET /api/content': refused('not-signed-in') });
    expect((await tab.authorizedFetch(get('/api/content'))).status).toBe(401);
    expect(server.sent).toEqual([{ route: 'GET /api/content', body: undefined, authorization: null }]);
  });
});

describe('the session', () => {
  it('of a browser that never signed in is known without a request', async () => {
    const tab = await openTab();
    const server = serve({});
    await tab.start();
    expect(tab.sessionState()).toEqual({ status: 'signed-out', ended: false });
    expect(server.sent).toEqual([]);
  });

  it('is found again after the page was closed', async () => {
    await tabToRefresh();
    const later = await openTab();
    serve({ 'POST /api/tokens/refresh': refreshed });
    await later.start();
    expect(later.sessionState()).toEqual({ status: 'signed-in', sessionId: 's1' });
  });

  it('is not given up when the server does not answer at the start', async () => {
    await tabToRefresh();
    const later = await openTab();
    serve({});
    await later.start();
    expect(later.sessionState()).toMatchObject({ status: 'starting', problem: { code: 'unreachable' } });
  });

  it('ends in all tabs when one signs out, and their listeners hear of it', async () => {
    const other = await tabToRefresh();
    const tab = await tabToRefresh();
    const heard = vi.fn();
    other.subscribe(heard);
    tab.signedOut();
    expect(other.sessionState()).toEqual({ status: 'signed-out', ended: false });
    expect(heard).toHaveBeenCalledOnce();
  });

  it('of another person in another tab is taken over', async () => {
    const other = await tabToRefresh();
    const tab = await openTab();
    tab.signedIn({ access_token: 'bobs', expires_in: 300, session_id: 's2' });
    expect(other.sessionState()).toEqual({ status: 'signed-in', sessionId: 's2' });
    expect(await other.accessToken()).toBe('bobs');
  });

  it('keeps no token where other scripts or a later visit could read it', async () => {
    const tab = await openTab();
    tab.signedIn({ access_token: 'secret', expires_in: 300, session_id: 's1' });
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('secret');
    expect(document.cookie).toBe('');
  });
});
