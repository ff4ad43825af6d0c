import { useMutation } from '@tanstack/react-query';
import { api, call } from '../api/client';
import { Problem } from '../api/problem';
import { notifyProblem } from '../shared/notify';
import { signedOut } from './session';

/** Ends this browser's session. */
export function useSignOut() {
  return useMutation({
    mutationFn: async () => {
      try {
        await call(api.POST('/api/auth/logout'));
      } catch (error) {
        // A session that the server knows no longer has ended. Any other failure leaves it alive: the person must know.
        if (!(error instanceof Problem && error.status === 401)) throw error;
      }
    },
    onSuccess: signedOut,
    onError: notifyProblem,
  });
}

/** Ends all sessions of the person, this one included. */
export function useSignOutEverywhere() {
  return useMutation({
    mutationFn: () => call(api.DELETE('/api/sessions')),
    onSuccess: signedOut,
    onError: notifyProblem,
  });
}
