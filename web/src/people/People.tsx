import { Avatar, Badge, Box, Card, Group, Skeleton, Stack, Tabs, Text } from '@mantine/core';
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
import { ActivationButton } from './ActivationButton';
import { Groups } from './Groups';
import { Invitations } from './Invitations';
import { InviteButton } from './InviteButton';
import { RoleSelect } from './RoleSelect';
import { peopleKey } from './roles';

/** Everybody of the organisation, what they may do, and who is to come. */
export function People() {
  const { organisation } = useProfile();
  return (
    <>
      <PageHeader
        title="People"
        description={`Everybody of ${organisation}, and what they may do.`}
        actions={<InviteButton />}
      />
      <Tabs defaultValue="people" maw={960} keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="people">People</Tabs.Tab>
          <Tabs.Tab value="groups">Groups</Tabs.Tab>
          <Tabs.Tab value="invitations">Invitations</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="people">
          <Everybody />
        </Tabs.Panel>
        <Tabs.Panel value="groups">
          <Groups />
        </Tabs.Panel>
        <Tabs.Panel value="invitations">
          <Invitations />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Everybody() {
  const people = usePages<UserProfile>(peopleKey, (cursor) =>
    call(api.GET('/api/users', { params: { query: { cursor } } })),
  );
  return (
    <Stack gap="lg">
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
          Invite people, or send them to {location.origin}/register, where they begin as members.
        </EmptyState>
      )}
      <LoadMore pages={people} />
    </Stack>
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
            {!person.active && (
              <Badge variant="light" color="gray">
                Deactivated
              </Badge>
            )}
          </Group>
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            {person.email} · since {day(person.created_at)}
          </Text>
        </Box>
      </Group>
      <Group gap="xs" wrap="nowrap">
        <RoleSelect person={person} asker={me} />
        {person.id !== me.id && <ActivationButton person={person} />}
      </Group>
    </Group>
  );
}
