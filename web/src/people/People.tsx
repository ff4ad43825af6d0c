import { Avatar, Badge, Box, Card, Group, Skeleton, Stack, Text } from '@mantine/core';
import { IconUsers } from '@tabler/icons-react';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { UserProfile } from '../api/types';
import { useProfile } from '../session/use-session';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { day } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { PageHeader } from '../shared/PageHeader';
import { RoleSelect } from './RoleSelect';
import { peopleKey } from './roles';

/** Everybody of the organisation, and what they may do. */
export function People() {
  const people = usePages<UserProfile>(peopleKey, (cursor) =>
    call(api.GET('/api/users', { params: { query: { cursor } } })),
  );
  const { organisation } = useProfile();
  return (
    <>
      <PageHeader title="People" description={`Everybody of ${organisation}, and what they may do.`} />
      <Stack gap="lg" maw={960}>
        {people.error && <ErrorNotice error={people.error} retry={() => void people.refetch()} />}
        {people.items ? (
          <Card component="ul" m={0} py={0} style={{ listStyle: 'none' }}>
            {people.items.map((person, at) => (
              <Person key={person.id} person={person} first={at === 0} />
            ))}
          </Card>
        ) : (
          !people.error && <Skeleton h={240} radius="lg" aria-label="Loading people" />
        )}
        {people.items?.length === 1 && (
          <EmptyState icon={IconUsers} title="Nobody else yet">
            People register by themselves at {location.origin}/register and begin as members. You make them editors or
            admins here.
          </EmptyState>
        )}
        <LoadMore pages={people} />
      </Stack>
    </>
  );
}

function Person({ person, first }: { person: UserProfile; first: boolean }) {
  const me = useProfile();
  return (
    <Group
      component="li"
      justify="space-between"
      py="md"
      gap="sm"
      style={first ? undefined : { borderTop: '1px solid var(--mantine-color-default-border)' }}
    >
      <Group gap="md" wrap="nowrap" miw={0} flex="1 1 260px">
        <Avatar name={person.name} color="nexus" radius="xl" alt="" />
        <Box miw={0}>
          <Group gap="xs">
            <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
              {person.name}
            </Text>
            {person.id === me.id && <Badge variant="light">You</Badge>}
            {!person.email_verified && (
              <Badge variant="light" color="orange">
                Not confirmed
              </Badge>
            )}
          </Group>
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {person.email} · since {day(person.created_at)}
          </Text>
        </Box>
      </Group>
      <RoleSelect person={person} asker={me} />
    </Group>
  );
}
