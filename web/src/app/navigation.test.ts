import { describe, expect, it } from 'vitest';
import type { Role } from '../api/types';
import { navigationFor } from './navigation';

const labels = (roles: Role[], mailbox = true) => navigationFor(roles, { mailbox }).map(({ label }) => label);

describe('the navigation', () => {
  it('shows members and editors what is theirs', () => {
    const own = ['Home', 'Media', 'Account'];
    expect(labels(['member'])).toEqual(own);
    expect(labels(['editor'])).toEqual(own);
    expect(labels([])).toEqual([]);
  });

  it('shows admins and owners what they run', () => {
    const all = [
      'Home',
      'Media',
      'People',
      'Applications',
      'Keys and secrets',
      'Sign-in log',
      'Mailbox',
      'Failed events',
      'Account',
    ];
    expect(labels(['admin'])).toEqual(all);
    expect(labels(['owner'])).toEqual(all);
    expect(labels(['member', 'admin'])).toEqual(all);
  });

  it('has no mailbox where mails go out', () => {
    expect(labels(['owner'], false)).not.toContain('Mailbox');
  });
});
