import { Button, Code, CopyButton, Group, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQueryClient } from '@tanstack/react-query';
import type { Role } from '../api/types';
import { nameRule } from '../identity/rules';
import { useFormMutation } from '../identity/use-form-mutation';
import { highestRole, ROLE_MEANING } from '../people/roles';
import { ROLES, useProfile } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { type Kind, makeToken } from './kinds';
import { inDays, LIFETIMES, scopesRule } from './lifetimes';

/** The scopes that the form suggests. */
const SCOPES = ['api', 'content-management', 'puabo-dsp-upload-mgr', 'key-service', 'user-auth'];

interface Props {
  kind: Kind;
  onDone: () => void;
}

/** Makes a token and shows it, this once. */
export function ApiTokenForm({ kind, onDone }: Props) {
  const client = useQueryClient();
  const mine = highestRole(useProfile().roles);
  const form = useForm({
    initialValues: { name: '', scopes: [] as string[], days: '90', role: 'member' as Role },
    validate: { name: nameRule, scopes: scopesRule },
  });
  const { submit, pending, problem, mutation } = useFormMutation(form, {
    send: ({ days, ...about }) => makeToken(kind, { ...about, expires_at: inDays(days) }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens', kind] }),
  });
  if (mutation.data) return <Made token={mutation.data.token} onDone={onDone} />;
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <ErrorNotice error={problem} />}
        <TextInput
          label="Name"
          placeholder="Nightly ingest"
          required
          data-autofocus
          maxLength={64}
          {...form.getInputProps('name')}
        />
        <TagsInput
          label="What it may do"
          description="api for everything, a service for everything there, or one action as content-management:publish."
          data={SCOPES}
          required
          {...form.getInputProps('scopes')}
        />
        {kind === 'service' && (
          <Select
            label="Role"
            description={ROLE_MEANING[form.values.role]}
            data={ROLES.slice(0, ROLES.indexOf(mine) + 1)}
            allowDeselect={false}
            {...form.getInputProps('role')}
          />
        )}
        <Select label="Good for" data={LIFETIMES} allowDeselect={false} {...form.getInputProps('days')} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={pending}>
            Make token
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Made({ token, onDone }: { token: string; onDone: () => void }) {
  return (
    <Stack>
      <Text size="sm">It is shown only now. Send it as Authorization: Bearer.</Text>
      <Code block style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
        {token}
      </Code>
      <Group justify="flex-end">
        <CopyButton value={token}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
        <Button onClick={onDone}>I have kept it</Button>
      </Group>
    </Stack>
  );
}
