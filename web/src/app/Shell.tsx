import { AppShell, Badge, Burger, Group, NavLink, ScrollArea, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Suspense } from 'react';
import { Link, Outlet, useLocation } from 'react-router';
import { useDeadLetters } from '../failed-events/use-dead-letters';
import { useMailboxOn } from '../mailbox/use-mailbox';
import { mayActAs, useProfile } from '../session/use-session';
import { PageSkeleton } from '../shared/PageSkeleton';
import { ColorSchemeToggle } from './ColorSchemeToggle';
import { navigationFor } from './navigation';
import { SkipLink } from './SkipLink';
import { UserMenu } from './UserMenu';
import { useFocusOnNavigation } from './use-focus-on-navigation';
import { Wordmark } from './Wordmark';

/** The frame of every page that needs a session: header, navigation, and the page. */
export function Shell() {
  const [open, { toggle, close }] = useDisclosure();
  const main = useFocusOnNavigation();
  return (
    <>
      <SkipLink />
      <AppShell
        header={{ height: 60 }}
        navbar={{ width: 248, breakpoint: 'sm', collapsed: { mobile: !open } }}
        padding={{ base: 'md', sm: 'xl' }}
      >
        <AppShell.Header>
          <Group h="100%" px="md" justify="space-between" wrap="nowrap">
            <Group gap="sm" wrap="nowrap">
              <Burger
                opened={open}
                onClick={toggle}
                hiddenFrom="sm"
                size="sm"
                aria-label={open ? 'Close navigation' : 'Open navigation'}
                aria-expanded={open}
                aria-controls="navigation"
              />
              <UnstyledButton component={Link} to="/" aria-label="Nexus COS, home" px={4} py={6}>
                <Wordmark />
              </UnstyledButton>
            </Group>
            <Group gap="sm" wrap="nowrap">
              <ColorSchemeToggle />
              <UserMenu />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar id="navigation" p="sm" aria-label="Main">
          <AppShell.Section grow component={ScrollArea}>
            <Navigation onNavigate={close} />
          </AppShell.Section>
        </AppShell.Navbar>
        <AppShell.Main id="main" ref={main} tabIndex={-1} bg="var(--nexus-canvas)" style={{ outline: 'none' }}>
          <Suspense fallback={<PageSkeleton />}>
            <Outlet />
          </Suspense>
        </AppShell.Main>
      </AppShell>
    </>
  );
}

function Navigation({ onNavigate }: { onNavigate: () => void }) {
  const { roles } = useProfile();
  const { pathname } = useLocation();
  const admin = mayActAs(roles, 'admin');
  const mailbox = useMailboxOn(admin);
  const failed = useDeadLetters({ enabled: admin }).data?.items.length ?? 0;
  return navigationFor(roles, { mailbox }).map(({ label, path, icon: Icon }) => {
    const active = path === '/' ? pathname === '/' : pathname === path || pathname.startsWith(`${path}/`);
    return (
      <NavLink
        key={path}
        component={Link}
        to={path}
        label={label}
        active={active}
        aria-current={active ? 'page' : undefined}
        onClick={onNavigate}
        leftSection={<Icon size={20} stroke={1.6} aria-hidden />}
        rightSection={
          path === '/failed-events' && failed > 0 ? (
            <Badge color="red" size="sm" circle={failed < 10} aria-label={`${failed} failed`}>
              {failed}
            </Badge>
          ) : undefined
        }
        mb={4}
        fw={500}
        style={{ borderRadius: 'var(--mantine-radius-md)' }}
      />
    );
  });
}
