import type { SignInEvent } from '../api/types';

/** What of the log is looked for. */
export interface Filter {
  user: string | null;
  action: SignInEvent['action'] | null;
  outcome: SignInEvent['outcome'] | null;
  address: string;
}

export const NO_FILTER: Filter = { user: null, action: null, outcome: null, address: '' };

export const ACTIONS: { value: SignInEvent['action']; label: string }[] = [
  { value: 'sign-in', label: 'Sign in' },
  { value: 'step-up', label: 'Show again who it is' },
  { value: 'sign-out', label: 'Sign out' },
  { value: 'add-authenticator', label: 'Add an authenticator app' },
  { value: 'remove-authenticator', label: 'Remove an authenticator app' },
  { value: 'renew-recovery-codes', label: 'Renew recovery codes' },
];

export const OUTCOMES: { value: SignInEvent['outcome']; label: string }[] = [
  { value: 'succeeded', label: 'Succeeded' },
  { value: 'second-factor-needed', label: 'Code still to come' },
  { value: 'failed', label: 'Failed' },
];

export const OUTCOME_COLOR: Record<SignInEvent['outcome'], string> = {
  succeeded: 'teal',
  'second-factor-needed': 'gray',
  failed: 'orange',
};

/** The filter as the API takes it: what is not looked for is absent. */
export function queryOf({ user, action, outcome, address }: Filter) {
  return {
    ...(user && { user }),
    ...(action && { action }),
    ...(outcome && { outcome }),
    ...(address.trim() !== '' && { address: address.trim() }),
  };
}
