import {
  Alert,
  Button,
  Code,
  CopyButton,
  Drawer,
  Group,
  Select,
  Stack,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconKey } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, call, callVersioned } from '../api/client';
import type { Application, ApplicationWithSecret } from '../api/types';
import { nameRule } from '../identity/rules';
import { useFormMutation } from '../identity/use-form-mutation';
import { ConfirmButton } from '../shared/ConfirmButton';
import { ErrorNotice } from '../shared/ErrorNotice';
import { notifyDone, notifyProblem } from '../shared/notify';
import { applicationsKey, definitionOf, KINDS, type Kind, lines, valuesOf } from './definition';
import { Example } from './Example';

/** The scopes that a form suggests; services and their actions can be typed. */
const SCOPES = ['openid', 'profile', 'email', 'groups', 'offline_access', 'api'];

interface Props {
  /** `null` for a new one. */
  application: Application | null;
  onClose: () => void;
}

/** One application: what it is, its secret, and an example that works. */
export function ApplicationDrawer({ application, onClose }: Props) {
  const [shown, setShown] = useState<Application | ApplicationWithSecret | null>(application);
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title={shown ? shown.name : 'New application'}>
      <Stack gap="xl">
        {shown && 'client_secret' in shown && shown.client_secret && <Secret secret={shown.client_secret} />}
        <ApplicationForm key={shown?.updated_at} application={shown} onSaved={setShown} />
        {shown && (
          <>
            <Example application={shown} />
            <Danger application={shown} onRotated={setShown} onDeleted={onClose} />
          </>
        )}
      </Stack>
    </Drawer>
  );
}

function Secret({ secret }: { secret: string }) {
  return (
    <Alert icon={<IconKey aria-hidden />} color="teal" title="The client secret">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">It is shown only now.</Text>
        <Code style={{ overflowWrap: 'anywhere' }}>{secret}</Code>
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <Button size="xs" variant="light" onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </Stack>
    </Alert>
  );
}

interface FormProps {
  application: Application | null;
  onSaved: (application: ApplicationWithSecret) => void;
}

function ApplicationForm({ application, onSaved }: FormProps) {
  const client = useQueryClient();
  const form = useForm({
    initialValues: valuesOf(application),
    validate: {
      name: nameRule,
      redirect_uris: (text, { kind }) =>
        returnsToAddress(kind) && lines(text).length === 0 ? 'At least one address' : null,
      scopes: (scopes) => (scopes.length === 0 ? 'At least one scope' : null),
    },
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: async (values) => {
      const body = definitionOf(values, application);
      if (!application) return call(api.POST('/api/auth/v2/applications', { body }));
      const path = { id: application.client_id };
      const { etag } = await callVersioned(api.GET('/api/auth/v2/applications/{id}', { params: { path } }));
      const params = { path, header: { 'If-Match': etag } };
      return call(api.PUT('/api/auth/v2/applications/{id}', { params, body }));
    },
    onSuccess: (saved) => {
      void client.invalidateQueries({ queryKey: applicationsKey });
      notifyDone(`${saved.name} is saved.`);
      onSaved(saved);
    },
  });
  const { kind } = form.values;
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <ErrorNotice error={problem} />}
        <TextInput label="Name" required data-autofocus {...form.getInputProps('name')} />
        <Select
          label="Kind"
          description={KINDS[kind].meaning}
          data={Object.entries(KINDS).map(([value, { label }]) => ({ value, label }))}
          allowDeselect={false}
          {...form.getInputProps('kind')}
        />
        {returnsToAddress(kind) && (
          <>
            <Textarea
              label="Redirect URIs"
              description="Where browsers come back to, one a line; compared letter by letter."
              placeholder="https://newsroom.example/callback"
              required
              autosize
              minRows={2}
              {...form.getInputProps('redirect_uris')}
            />
            <Textarea
              label="Redirect URIs after signing out"
              autosize
              minRows={1}
              {...form.getInputProps('post_logout_redirect_uris')}
            />
          </>
        )}
        <TagsInput
          label="Scopes"
          description="The most that it can ask for: these, a service, or a service's action as content-management:publish."
          data={SCOPES}
          {...form.getInputProps('scopes')}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={pending}>
            {application ? 'Save' : 'Make application'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function returnsToAddress(kind: Kind): boolean {
  return kind === 'web' || kind === 'public';
}

interface DangerProps {
  application: Application;
  onRotated: (application: ApplicationWithSecret) => void;
  onDeleted: () => void;
}

function Danger({ application, onRotated, onDeleted }: DangerProps) {
  const client = useQueryClient();
  const params = { params: { path: { id: application.client_id } } };
  const rotate = useMutation({
    mutationFn: () => call(api.POST('/api/auth/v2/applications/{id}/secret', params)),
    onSuccess: onRotated,
    onError: notifyProblem,
  });
  const remove = useMutation({
    mutationFn: () => call(api.DELETE('/api/auth/v2/applications/{id}', params)),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: applicationsKey });
      notifyDone(`${application.name} is gone.`);
      onDeleted();
    },
    onError: notifyProblem,
  });
  const secret = ['client_secret_basic', 'client_secret_post'].includes(application.token_endpoint_auth_method);
  return (
    <Group>
      {secret && (
        <ConfirmButton
          label="New secret"
          title="Give it a new secret?"
          confirm="New secret"
          pending={rotate.isPending}
          onConfirm={() => rotate.mutate()}
        >
          The old one is refused from then on.
        </ConfirmButton>
      )}
      <ConfirmButton
        label="Delete"
        title={`Delete ${application.name}?`}
        confirm="Delete"
        pending={remove.isPending}
        onConfirm={() => remove.mutate()}
      >
        Whatever it does for people ends at once.
      </ConfirmButton>
    </Group>
  );
}
