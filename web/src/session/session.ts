/**
 * The signed-in session of this browser. The access token lives in memory only; the refresh token in a cookie that scripts
 * can't read. A refresh token is good once and the cookie belongs to all tabs, so that one tab refreshes at a time (Web
 * Locks), and tells the others what it got (BroadcastChannel).
 */

import { Problem, problemOf, unreachable } from '../api/problem';

/** What the server answers when somebody signs in or refreshes. */
export interface TokenReply {
  access_token: string;
  expires_in: number;
  session_id: string;
}

interface Tokens {
  accessToken: string;
  sessionId: string;
  /** In this machine's clock, milliseconds. */
  expiresAt: number;
}

export type SessionState =
  /** Whether somebody is signed in is not known yet; `problem` says why it can't be found out. */
  | { status: 'starting'; problem?: Problem }
  | { status: 'signed-in'; sessionId: string }
  /** `ended` when the session ended without this person's doing. */
  | { status: 'signed-out'; ended: boolean };

type Message = { kind: 'tokens'; tokens: Tokens } | { kind: 'signed-out' };

const REFRESH_PATH = '/api/tokens/refresh';
const LOCK = 'nexus-refresh';
/** Says that this browser may have a session: nothing secret, it only spares visitors a request that must fail. */
const HINT = 'nexus-signed-in';
/** A token that ends this soon is renewed before it is used. */
const MARGIN_MS = 15_000;

let tokens: Tokens | null = null;
let state: SessionState = { status: 'starting' };
let refreshing: Promise<Tokens> | null = null;
const listeners = new Set<() => void>();
const channel = new BroadcastChannel('nexus-session');

channel.onmessage = ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'tokens') adopt(data.tokens);
  else forget({ ended: false });
};

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function sessionState(): SessionState {
  return state;
}

/** Finds out whether this browser is signed in. */
export async function start(): Promise<void> {
  if (!hint.read()) {
    move({ status: 'signed-out', ended: false });
    return;
  }
  move({ status: 'starting' });
  try {
    await refresh();
  } catch (error) {
    // 401 has moved it to signed-out already: a first visit after thirty days is no session that was ended.
    if (state.status === 'starting' && error instanceof Problem) move({ status: 'starting', problem: error });
  }
}

/** Takes what the server answered to a sign-in, for all tabs. */
export function signedIn(reply: TokenReply): void {
  publish(tokensOf(reply));
}

/** Takes a token of this same session that says that the person has just shown who they are. */
export function steppedUp(reply: Pick<TokenReply, 'access_token' | 'expires_in'>): void {
  if (tokens) publish(tokensOf({ ...reply, session_id: tokens.sessionId }));
}

/** Ends the session here and in all other tabs; the server's part is the caller's. */
export function signedOut(): void {
  channel.postMessage({ kind: 'signed-out' } satisfies Message);
  forget({ ended: false });
}

/** An access token that is good for some seconds at least, refreshed when needed. */
export async function accessToken(): Promise<string> {
  if (tokens && tokens.expiresAt - MARGIN_MS > Date.now()) return tokens.accessToken;
  return (await refresh()).accessToken;
}

/**
 * Renews the access token, once however many ask. `refused` is a token that the server did not take: when another tab
 * has brought a newer one meanwhile, that one is the answer.
 */
export function refresh(refused?: string): Promise<Tokens> {
  refreshing ??= locked(async () => {
    if (tokens && tokens.accessToken !== refused && tokens.expiresAt - MARGIN_MS > Date.now()) return tokens;
    return requestTokens();
  }).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

/**
 * `fetch` as the signed-in person: with the access token, and when the server refuses it, once more with a new one. Without
 * a session the request goes out without a token.
 */
export async function authorizedFetch(request: Request): Promise<Response> {
  if (state.status !== 'signed-in') return fetch(request);
  const retry = request.clone();
  const first = await accessToken();
  const response = await fetch(withToken(request, first));
  if (response.status !== 401) return response;
  return fetch(withToken(retry, (await refresh(first)).accessToken));
}

async function requestTokens(): Promise<Tokens> {
  // keepalive: a tab that closes now must still take the new cookie, or the old one would come a second time.
  const response = await fetch(REFRESH_PATH, { method: 'POST', keepalive: true }).catch((cause: unknown) => {
    throw unreachable(cause);
  });
  if (!response.ok) {
    const problem = problemOf(response, await response.json().catch(() => null));
    if (response.status === 401) {
      const ended = state.status === 'signed-in';
      channel.postMessage({ kind: 'signed-out' } satisfies Message);
      forget({ ended });
    }
    throw problem;
  }
  const renewed = tokensOf((await response.json()) as TokenReply);
  publish(renewed);
  return renewed;
}

async function locked<T>(work: () => Promise<T>): Promise<T> {
  // Web Locks need a secure context; over plain HTTP to another machine each tab is on its own.
  return 'locks' in navigator ? await navigator.locks.request(LOCK, work) : await work();
}

function tokensOf(reply: TokenReply): Tokens {
  return {
    accessToken: reply.access_token,
    sessionId: reply.session_id,
    expiresAt: Date.now() + reply.expires_in * 1_000,
  };
}

function publish(renewed: Tokens): void {
  channel.postMessage({ kind: 'tokens', tokens: renewed } satisfies Message);
  adopt(renewed);
}

function adopt(renewed: Tokens): void {
  tokens = renewed;
  hint.write();
  if (state.status !== 'signed-in' || state.sessionId !== renewed.sessionId) {
    move({ status: 'signed-in', sessionId: renewed.sessionId });
  }
}

function forget({ ended }: { ended: boolean }): void {
  tokens = null;
  hint.clear();
  if (state.status !== 'signed-out') move({ status: 'signed-out', ended });
}

function move(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

function withToken(request: Request, token: string): Request {
  request.headers.set('authorization', `Bearer ${token}`);
  return request;
}

/** Storage may be forbidden; then every start asks the server. */
const hint = {
  read: () => guarded(() => localStorage.getItem(HINT) !== null, true),
  write: () => guarded(() => localStorage.setItem(HINT, '1'), undefined),
  clear: () => guarded(() => localStorage.removeItem(HINT), undefined),
};

function guarded<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}
