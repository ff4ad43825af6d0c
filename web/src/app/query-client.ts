import { QueryClient } from '@tanstack/react-query';
import { Problem } from '../api/problem';
import { type SessionState, sessionState, subscribe } from '../session/session';

/** Only what may be better a moment later is asked again: no answer, or a server that failed. */
function retry(failures: number, error: Error): boolean {
  const worthwhile = error instanceof Problem && (error.status === 0 || error.status >= 500);
  return worthwhile && failures < 2;
}

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry, staleTime: 5_000 }, mutations: { retry: false } },
});

const identity = (state: SessionState) => (state.status === 'signed-in' ? state.sessionId : null);
let known = identity(sessionState());

// What one person read is not for the next one at this browser.
subscribe(() => {
  const current = identity(sessionState());
  if (current !== known) queryClient.clear();
  known = current;
});
