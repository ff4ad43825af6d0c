import { Button, Group as Row, Select, Skeleton, Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { Group, UserProfile } from '../api/types';
import { ErrorNotice } from '../shared/ErrorNotice';
import { LoadMore } from '../shared/LoadMore';
import { notifyProblem } from '../shared/notify';
import { groupsKey } from './keys';
import { peopleKey } from './roles';

/** Who is in a group. */
export function GroupMembers({ group }: { group: Group }) {
  const client = useQueryClient();
  const members = usePages<UserProfile>([...groupsKey, group.id, 'members'], (cursor) =>
    call(api.GET('/api/users/groups/{id}/members', { params: { path: { id: group.id }, query: { cursor } } })),
  );
  const people = useQuery({
    queryKey: [...peopleKey, 'first'],
    queryFn: () => call(api.GET('/api/users', { params: { query: { limit: 200 } } })),
  });
  const change = useMutation({
    mutationFn: ({ user, into }: { user: string; into: boolean }) => {
      const params = { params: { path: { id: group.id, user } } };
      return call(
        into
          ? api.PUT('/api/users/groups/{id}/members/{user}', params)
          : api.DELETE('/api/users/groups/{id}/members/{user}', params),
      );
    },
    onError: notifyProblem,
    onSettled: () => client.invalidateQueries({ queryKey: groupsKey }),
  });
  const inside = new Set(members.items?.map(({ id }) => id));
  const others = people.data?.items.filter(({ id }) => !inside.has(id)) ?? [];
  return (
    <Stack>
      {members.error && <ErrorNotice error={members.error} retry={() => void members.refetch()} />}
      {members.isPending && <Skeleton h={48} />}
      {members.items?.length === 0 && <Text size="sm">Nobody is in it yet.</Text>}
      <Stack gap="xs" component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
        {members.items?.map((member) => (
          <Row key={member.id} component="li" justify="space-between" wrap="nowrap">
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {member.name}{' '}
              <Text span inherit c="dimmed">
                {member.email}
              </Text>
            </Text>
            <Button
              size="compact-xs"
              variant="subtle"
              color="red"
              aria-label={`Take ${member.name} out`}
              onClick={() => change.mutate({ user: member.id, into: false })}
            >
              Take out
            </Button>
          </Row>
        ))}
      </Stack>
      <LoadMore pages={members} />
      <Select
        label="Add somebody"
        placeholder="Name or address"
        searchable
        clearable
        value={null}
        data={others.map(({ id, name, email }) => ({ value: id, label: `${name} (${email})` }))}
        onChange={(user) => user && change.mutate({ user, into: true })}
        disabled={change.isPending}
      />
    </Stack>
  );
}
