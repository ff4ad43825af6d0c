import { Button, Group, Modal, Select, Stack, Text } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, call, etagOf } from '../api/client';
import type { Role, UserProfile } from '../api/types';
import { notifyDone, notifyProblem } from '../shared/notify';
import { assignableRoles, highestRole, peopleKey, ROLE_MEANING } from './roles';

interface Props {
  person: UserProfile;
  /** Who changes it. */
  asker: UserProfile;
}

/** Shows what a person may do, and changes it after a question, as the change signs them out. */
export function RoleSelect({ person, asker }: Props) {
  const client = useQueryClient();
  const [wanted, setWanted] = useState<Role | null>(null);
  const current = highestRole(person.roles);
  const choices = assignableRoles(asker, person);
  const change = useMutation({
    mutationFn: (role: Role) =>
      call(
        api.PUT('/api/users/{id}/roles', {
          params: { path: { id: person.id }, header: { 'If-Match': etagOf(person) } },
          body: { roles: [role] },
        }),
      ),
    onSuccess: (changed) => notifyDone(`${changed.name} is ${highestRole(changed.roles)} now.`),
    onError: notifyProblem,
    onSettled: () => client.invalidateQueries({ queryKey: peopleKey }),
  });
  return (
    <>
      <Select
        aria-label={`Role of ${person.name}`}
        data={choices.map((role) => ({ value: role, label: role }))}
        value={current}
        onChange={(role) => role !== null && role !== current && setWanted(role as Role)}
        renderOption={({ option }) => (
          <Stack gap={0}>
            <Text size="sm" fw={500}>
              {option.label}
            </Text>
            <Text size="xs" c="dimmed">
              {ROLE_MEANING[option.value as Role]}
            </Text>
          </Stack>
        )}
        allowDeselect={false}
        disabled={choices.length < 2 || change.isPending}
        comboboxProps={{ width: 230, position: 'bottom-end' }}
        w={130}
      />
      <Modal opened={wanted !== null} onClose={() => setWanted(null)} title="Change the role?" centered>
        <Stack>
          <Text size="sm">
            {person.name} becomes <b>{wanted}</b>: {wanted && ROLE_MEANING[wanted].toLowerCase()}. Their sessions end,
            so that they sign in again with the new role.
          </Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setWanted(null)}>
              Cancel
            </Button>
            <Button
              data-autofocus
              onClick={() => {
                if (wanted) change.mutate(wanted);
                setWanted(null);
              }}
            >
              Change role
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
