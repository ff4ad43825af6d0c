export const groupsKey = ['groups'] as const;
export const invitationsKey = ['invitations'] as const;
