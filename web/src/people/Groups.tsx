import {
  Badge,
  Box,
  Button,
  Card,
  Modal,
  MultiSelect,
  Group as Row,
  Skeleton,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconUsersGroup } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, call, etagOf } from '../api/client';
import { usePages } from '../api/pages';
import type { Group, Role } from '../api/types';
import { nameRule } from '../identity/rules';
import { useFormMutation } from '../identity/use-form-mutation';
import { ConfirmButton } from '../shared/ConfirmButton';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { LoadMore } from '../shared/LoadMore';
import { notifyDone, notifyProblem } from '../shared/notify';
import { GroupMembers } from './GroupMembers';
import { groupsKey } from './keys';

/** The roles that a group may carry. */
const ROLES: Role[] = ['member', 'editor', 'admin'];

/** Groups of people, and what being in them gives. */
export function Groups() {
  const groups = usePages<Group>(groupsKey, (cursor) =>
    call(api.GET('/api/users/groups', { params: { query: { cursor } } })),
  );
  const [making, setMaking] = useState(false);
  const make = <Button onClick={() => setMaking(true)}>New group</Button>;
  return (
    <Stack gap="lg">
      {groups.error && <ErrorNotice error={groups.error} retry={() => void groups.refetch()} />}
      {groups.isPending && <Skeleton h={120} radius="lg" aria-label="Loading groups" />}
      {groups.items?.length === 0 && (
        <EmptyState icon={IconUsersGroup} title="No groups yet" action={make}>
          Whoever is in a group has its roles besides their own. Directories bring their groups by SCIM.
        </EmptyState>
      )}
      {groups.items && groups.items.length > 0 && (
        <>
          <Row>{make}</Row>
          <Card component="ul" m={0} py={0} style={{ listStyle: 'none' }}>
            {groups.items.map((group, at) => (
              <GroupRow key={group.id} group={group} first={at === 0} />
            ))}
          </Card>
        </>
      )}
      <LoadMore pages={groups} />
      <Modal opened={making} onClose={() => setMaking(false)} title="New group" centered>
        <GroupForm onDone={() => setMaking(false)} />
      </Modal>
    </Stack>
  );
}

function GroupRow({ group, first }: { group: Group; first: boolean }) {
  const client = useQueryClient();
  const [shown, setShown] = useState<'members' | 'form' | null>(null);
  const remove = useMutation({
    mutationFn: () => call(api.DELETE('/api/users/groups/{id}', { params: { path: { id: group.id } } })),
    onSuccess: () => notifyDone(`${group.name} is gone.`),
    onError: notifyProblem,
    onSettled: () => client.invalidateQueries({ queryKey: groupsKey }),
  });
  return (
    <Row
      component="li"
      justify="space-between"
      py="md"
      gap="sm"
      style={first ? undefined : { borderTop: '1px solid var(--mantine-color-default-border)' }}
    >
      <Box miw={0} flex="1 1 260px">
        <Row gap="xs">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {group.name}
          </Text>
          {group.roles.map((role) => (
            <Badge key={role} variant="light">
              {role}
            </Badge>
          ))}
        </Row>
        <Text size="sm" c="dimmed">
          {group.members === 1 ? '1 person' : `${group.members} people`}
        </Text>
      </Box>
      <Row gap="xs">
        <Button variant="default" size="xs" onClick={() => setShown('members')} aria-label={`Members of ${group.name}`}>
          Members
        </Button>
        <Button variant="default" size="xs" onClick={() => setShown('form')} aria-label={`Change ${group.name}`}>
          Change
        </Button>
        <ConfirmButton
          label="Delete"
          size="xs"
          title={`Delete ${group.name}?`}
          confirm="Delete"
          pending={remove.isPending}
          onConfirm={() => remove.mutate()}
        >
          Its people stay, without the roles that it gave them; their sessions end where that changes what they may do.
        </ConfirmButton>
      </Row>
      <Modal opened={shown === 'members'} onClose={() => setShown(null)} title={group.name} centered>
        <GroupMembers group={group} />
      </Modal>
      <Modal opened={shown === 'form'} onClose={() => setShown(null)} title={group.name} centered>
        <GroupForm group={group} onDone={() => setShown(null)} />
      </Modal>
    </Row>
  );
}

function GroupForm({ group, onDone }: { group?: Group; onDone: () => void }) {
  const client = useQueryClient();
  const form = useForm({
    initialValues: { name: group?.name ?? '', roles: group?.roles ?? [] },
    validate: { name: nameRule },
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: (body) =>
      call(
        group
          ? api.PATCH('/api/users/groups/{id}', {
              params: { path: { id: group.id }, header: { 'If-Match': etagOf(group) } },
              body,
            })
          : api.POST('/api/users/groups', { body }),
      ),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: groupsKey });
      onDone();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <ErrorNotice error={problem} />}
        <TextInput label="Name" required data-autofocus {...form.getInputProps('name')} />
        <MultiSelect
          label="Roles"
          description="Whoever is in the group has them besides their own."
          data={ROLES}
          {...form.getInputProps('roles')}
        />
        <Row justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={pending}>
            {group ? 'Save' : 'Make group'}
          </Button>
        </Row>
      </Stack>
    </form>
  );
}
