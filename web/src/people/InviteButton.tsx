import { Button, Group, Modal, MultiSelect, Select, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useDisclosure } from '@mantine/hooks';
import { IconMailPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api, call } from '../api/client';
import type { Role } from '../api/types';
import { emailRule } from '../identity/rules';
import { useFormMutation } from '../identity/use-form-mutation';
import { ErrorNotice } from '../shared/ErrorNotice';
import { notifyDone } from '../shared/notify';
import { groupsKey, invitationsKey } from './keys';
import { ROLE_MEANING } from './roles';

/** The roles that an invitation may carry: owners are made of people who are there. */
const INVITABLE: Role[] = ['member', 'editor', 'admin'];

/** Invites somebody by mail. */
export function InviteButton() {
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button leftSection={<IconMailPlus size={18} aria-hidden />} onClick={open}>
        Invite
      </Button>
      <Modal opened={opened} onClose={close} title="Invite somebody" centered>
        <InviteForm onDone={close} />
      </Modal>
    </>
  );
}

function InviteForm({ onDone }: { onDone: () => void }) {
  const client = useQueryClient();
  const groups = useQuery({
    queryKey: [...groupsKey, 'first'],
    queryFn: () => call(api.GET('/api/users/groups', { params: { query: { limit: 200 } } })),
  });
  const form = useForm({
    initialValues: { email: '', role: 'member' as Role, groups: [] as string[] },
    validate: { email: emailRule },
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: ({ email, role, groups }) =>
      call(api.POST('/api/users/invitations', { body: { email, roles: [role], groups } })),
    onSuccess: async ({ email }) => {
      await client.invalidateQueries({ queryKey: invitationsKey });
      notifyDone(`An invitation is on its way to ${email}.`);
      onDone();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <ErrorNotice error={problem} />}
        <TextInput label="E-mail" type="email" required data-autofocus {...form.getInputProps('email')} />
        <Select
          label="Role"
          description={ROLE_MEANING[form.values.role]}
          data={INVITABLE}
          allowDeselect={false}
          {...form.getInputProps('role')}
        />
        {groups.data && groups.data.items.length > 0 && (
          <MultiSelect
            label="Groups"
            data={groups.data.items.map(({ id, name }) => ({ value: id, label: name }))}
            {...form.getInputProps('groups')}
          />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={pending}>
            Send invitation
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
