import { describe, expect, it } from 'vitest';
import type { Role, UserProfile } from '../api/types';
import { assignableRoles, highestRole } from './roles';

const person = (roles: Role[], email_verified = true) => ({ roles, email_verified }) as UserProfile;

describe('roles', () => {
  it('are shown by the one that includes the others', () => {
    expect(highestRole(['member', 'admin', 'editor'])).toBe('admin');
    expect(highestRole(['owner'])).toBe('owner');
  });

  it('below owner are an admin’s to give, owner only an owner’s', () => {
    expect(assignableRoles(person(['admin']), person(['member']))).toEqual(['member', 'editor', 'admin']);
    expect(assignableRoles(person(['owner']), person(['member']))).toEqual(['member', 'editor', 'admin', 'owner']);
  });

  it('of an owner are no admin’s to take', () => {
    expect(assignableRoles(person(['admin']), person(['owner']))).toEqual(['owner']);
  });

  it('of an owner go to nobody whose address is not confirmed', () => {
    expect(assignableRoles(person(['owner']), person(['member'], false))).not.toContain('owner');
  });
});
