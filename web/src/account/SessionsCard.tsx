import { Badge, Box, Button, Card, Group, Skeleton, Stack, Text, ThemeIcon, Title } from '@mantine/core';
import { IconDeviceDesktop } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { Session } from '../api/types';
import { useSignOut, useSignOutEverywhere } from '../session/use-sign-out';
import { ConfirmButton } from '../shared/ConfirmButton';
import { ErrorNotice } from '../shared/ErrorNotice';
import { ago, day, moment } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { notifyDone, notifyProblem } from '../shared/notify';

const sessionsKey = ['sessions'] as const;

/** Where the person is signed in, and the way to end it there. */
export function SessionsCard() {
  const sessions = usePages<Session>(sessionsKey, (cursor) =>
    call(api.GET('/api/sessions', { params: { query: { cursor } } })),
  );
  const everywhere = useSignOutEverywhere();
  return (
    <Card component="section" aria-label="Sessions">
      <Group justify="space-between" mb="md">
        <Box>
          <Title order={2} size="h4">
            Sessions
          </Title>
          <Text size="sm" c="dimmed">
            End what you do not know, and change your password.
          </Text>
        </Box>
        <ConfirmButton
          label="Sign out everywhere"
          title="Sign out everywhere?"
          confirm="Sign out everywhere"
          onConfirm={() => everywhere.mutate()}
          pending={everywhere.isPending}
        >
          All of your sessions end at once, this one too.
        </ConfirmButton>
      </Group>
      {sessions.error && <ErrorNotice error={sessions.error} retry={() => void sessions.refetch()} />}
      {sessions.items ? (
        <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
          {sessions.items.map((session) => (
            <SessionRow key={session.id} session={session} />
          ))}
        </Stack>
      ) : (
        !sessions.error && <SessionsSkeleton />
      )}
      <LoadMore pages={sessions} />
    </Card>
  );
}

function SessionRow({ session }: { session: Session }) {
  const client = useQueryClient();
  const signOut = useSignOut();
  const end = useMutation({
    mutationFn: () => call(api.DELETE('/api/sessions/{id}', { params: { path: { id: session.id } } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: sessionsKey });
      notifyDone(`The session on ${session.device} has ended.`);
    },
    onError: notifyProblem,
  });
  return (
    <Group
      component="li"
      justify="space-between"
      wrap="nowrap"
      py="sm"
      style={{ borderTop: '1px solid var(--mantine-color-default-border)' }}
    >
      <Group gap="md" wrap="nowrap" miw={0}>
        <ThemeIcon variant="light" color={session.current ? 'teal' : 'gray'} size={40} radius="md" visibleFrom="xs">
          <IconDeviceDesktop size={22} stroke={1.5} aria-hidden />
        </ThemeIcon>
        <Box miw={0}>
          <Group gap="xs">
            <Text fw={600}>{session.name ?? session.client ?? session.device}</Text>
            {session.client && <Badge variant="light">Application</Badge>}
            {session.current && (
              <Badge color="teal" variant="light">
                This one
              </Badge>
            )}
          </Group>
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {(session.name ?? session.client) && `${session.device} · `}
            {session.address || 'unknown address'} ·{' '}
            <span title={moment(session.last_seen_at)}>last seen {ago(session.last_seen_at)}</span> · signed in{' '}
            {day(session.created_at)}
          </Text>
        </Box>
      </Group>
      <Button
        variant="default"
        size="xs"
        style={{ flexShrink: 0 }}
        loading={end.isPending || signOut.isPending}
        onClick={() => (session.current ? signOut.mutate() : end.mutate())}
        aria-label={session.current ? 'Sign out here' : `End the session on ${session.device}`}
      >
        {session.current ? 'Sign out' : 'End'}
      </Button>
    </Group>
  );
}

function SessionsSkeleton() {
  return (
    <Stack aria-busy="true" aria-label="Loading sessions">
      <Skeleton h={56} />
      <Skeleton h={56} />
    </Stack>
  );
}
