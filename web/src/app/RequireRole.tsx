import { IconLock } from '@tabler/icons-react';
import { Outlet } from 'react-router';
import type { Role } from '../api/types';
import { mayActAs, useProfile } from '../session/use-session';
import { EmptyState } from '../shared/EmptyState';
import { PageHeader } from '../shared/PageHeader';

/** The pages below are for people who are at least this. The server decides; this saves them a page of refusals. */
export function RequireRole({ least }: { least: Role }) {
  const { roles } = useProfile();
  if (mayActAs(roles, least)) return <Outlet />;
  return (
    <>
      <PageHeader title="Not allowed" />
      <EmptyState icon={IconLock} title="This page is not for your role">
        It is for people with the role {least}. Whoever runs your organisation can give it to you.
      </EmptyState>
    </>
  );
}
