import {
  ActionIcon,
  Button,
  Drawer,
  Group,
  PasswordInput,
  Select,
  Skeleton,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconTrash } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, call } from '../api/client';
import { Problem } from '../api/problem';
import { useFormMutation } from '../identity/use-form-mutation';
import { ConfirmButton } from '../shared/ConfirmButton';
import { ErrorNotice } from '../shared/ErrorNotice';
import { moment } from '../shared/format';
import { notifyDone, notifyProblem } from '../shared/notify';
import { type Field, fieldsOf, secretOf } from './fields';
import { deepPath } from './names';
import { secretsKey } from './secrets-key';

interface Props {
  /** Empty for a new one. */
  path: string;
  /** Where a new one would be. */
  folder: string;
  onClose: () => void;
}

/** One secret: its value in each version, and the way to write the next. */
export function SecretDrawer({ path, folder, onClose }: Props) {
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title={path || 'New secret'}>
      {path === '' ? (
        <SecretForm path={folder} fields={[]} version={0} onDone={onClose} isNew />
      ) : (
        <Known path={path} onDone={onClose} />
      )}
    </Drawer>
  );
}

/** Reads a version of a secret; that of one which was deleted is empty. */
async function read(path: string, version: number | null) {
  try {
    const params = { path: { path }, query: { version: version ?? undefined } };
    return await call(api.GET('/api/keys/v1/secret/data/{path}', { params, pathSerializer: deepPath }));
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** What is known of a secret; the same path lists a folder where that is asked for. */
async function readMetadata(path: string) {
  const params = { path: { path } };
  const { data } = await call(api.GET('/api/keys/v1/secret/metadata/{path}', { params, pathSerializer: deepPath }));
  if (!('current_version' in data)) throw new Error(`${path} is a folder`);
  return data;
}

function Known({ path, onDone }: { path: string; onDone: () => void }) {
  const client = useQueryClient();
  const [version, setVersion] = useState<number | null>(null);
  const metadata = useQuery({
    queryKey: [...secretsKey, 'metadata', path],
    queryFn: () => readMetadata(path),
  });
  const value = useQuery({
    queryKey: [...secretsKey, 'value', path, version],
    queryFn: () => read(path, version),
    // What is shown here stays in memory no longer than the page needs it.
    gcTime: 0,
  });
  const remove = useMutation({
    mutationFn: () =>
      call(api.DELETE('/api/keys/v1/secret/metadata/{path}', { params: { path: { path } }, pathSerializer: deepPath })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: secretsKey });
      notifyDone(`${path} is gone, with all its versions.`);
      onDone();
    },
    onError: notifyProblem,
  });
  if (metadata.error) return <ErrorNotice error={metadata.error} retry={() => void metadata.refetch()} />;
  if (value.error) return <ErrorNotice error={value.error} retry={() => void value.refetch()} />;
  if (!metadata.data || value.isPending) return <Skeleton h={200} aria-label="Loading the secret" />;
  const { current_version, versions } = metadata.data;
  const shown = version ?? current_version;
  return (
    <Stack gap="xl">
      <Select
        label="Version"
        data={Object.entries(versions).map(([number, { created_time }]) => ({
          value: number,
          label: `${number}, of ${moment(created_time)}`,
        }))}
        value={String(shown)}
        onChange={(chosen) => setVersion(Number(chosen))}
        allowDeselect={false}
      />
      {!value.data && <Text size="sm">This version was deleted.</Text>}
      <SecretForm
        key={`${path} ${shown}`}
        path={path}
        fields={fieldsOf(value.data?.data.data ?? {})}
        version={current_version}
        onDone={() => setVersion(null)}
      />
      <Group>
        <ConfirmButton
          label="Delete the secret"
          title={`Delete ${path}?`}
          confirm="Delete"
          pending={remove.isPending}
          onConfirm={() => remove.mutate()}
        >
          All its versions go, for ever.
        </ConfirmButton>
      </Group>
    </Stack>
  );
}

interface FormProps {
  path: string;
  fields: Field[];
  /** The version that is the newest now: a write that follows another one is refused. */
  version: number;
  isNew?: boolean;
  onDone: () => void;
}

function SecretForm({ path, fields, version, isNew = false, onDone }: FormProps) {
  const client = useQueryClient();
  const form = useForm({
    initialValues: { path, fields: fields.length > 0 ? fields : [{ name: '', value: '' }] },
    validate: {
      path: (value) => (value.trim() === '' || value.endsWith('/') ? 'Enter a path, as shared/mail' : null),
      fields: { name: (value) => (value.trim() === '' ? 'Enter a name' : null) },
    },
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: (values) =>
      call(
        api.POST('/api/keys/v1/secret/data/{path}', {
          params: { path: { path: values.path.trim() } },
          pathSerializer: deepPath,
          body: { data: secretOf(values.fields), options: { cas: version } },
        }),
      ),
    onSuccess: async ({ data }) => {
      await client.invalidateQueries({ queryKey: secretsKey });
      notifyDone(`Version ${data.version} is written.`);
      onDone();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <ErrorNotice error={problem} />}
        {isNew && <TextInput label="Path" required data-autofocus {...form.getInputProps('path')} />}
        {form.values.fields.map((_, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a field has no other name while it is typed
          <Group key={at} align="flex-end" wrap="nowrap">
            <TextInput label="Name" flex={1} {...form.getInputProps(`fields.${at}.name`)} />
            <PasswordInput label="Value" flex={2} autoComplete="off" {...form.getInputProps(`fields.${at}.value`)} />
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label="Take this field out"
              disabled={form.values.fields.length === 1}
              onClick={() => form.removeListItem('fields', at)}
            >
              <IconTrash size={18} aria-hidden />
            </ActionIcon>
          </Group>
        ))}
        <Group justify="space-between">
          <Button variant="subtle" onClick={() => form.insertListItem('fields', { name: '', value: '' })}>
            Another field
          </Button>
          <Button type="submit" loading={pending}>
            {isNew ? 'Write' : 'Write a new version'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
