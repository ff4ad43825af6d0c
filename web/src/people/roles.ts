import type { Role, UserProfile } from '../api/types';
import { ROLES } from '../session/use-session';

export const peopleKey = ['users'] as const;

/** What each role may do, in few words. */
export const ROLE_MEANING: Record<Role, string> = {
  member: 'Sees what members may see',
  editor: 'Uploads and publishes',
  admin: 'Runs the organisation',
  owner: 'Owns the organisation',
};

/** The most that the roles give; each role includes those below it. */
export function highestRole(roles: readonly Role[]): Role {
  return ROLES.findLast((role) => roles.includes(role)) ?? 'member';
}

/** The roles that `asker` may give `person`: only owners give and take `owner`, and only to a confirmed address. */
export function assignableRoles(asker: Pick<UserProfile, 'roles'>, person: UserProfile): Role[] {
  const owner = asker.roles.includes('owner');
  if (person.roles.includes('owner') && !owner) return ['owner'];
  return ROLES.filter((role) => role !== 'owner' || person.roles.includes('owner') || (owner && person.email_verified));
}
