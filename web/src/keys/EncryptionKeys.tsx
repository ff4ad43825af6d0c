import { Badge, Box, Button, Card, Group, Modal, Select, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconKey } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, call } from '../api/client';
import type { TransitKey } from '../api/types';
import { useFormMutation } from '../identity/use-form-mutation';
import { ConfirmButton } from '../shared/ConfirmButton';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { moment } from '../shared/format';
import { notifyDone, notifyProblem } from '../shared/notify';
import { keyNameRule, namesOf } from './names';

const transitKey = ['keys', 'transit'] as const;

const TYPES: { value: TransitKey['type']; label: string }[] = [
  { value: 'aes256-gcm96', label: 'AES-256-GCM: encrypts' },
  { value: 'chacha20-poly1305', label: 'ChaCha20-Poly1305: encrypts' },
  { value: 'hmac', label: 'HMAC: authenticates' },
];

/** The keys that encrypt for programs, and never leave. */
export function EncryptionKeys() {
  const names = useQuery({
    queryKey: transitKey,
    queryFn: () => namesOf(api.GET('/api/keys/v1/transit/keys', { params: { query: { list: true } } })),
  });
  const [making, setMaking] = useState(false);
  const make = <Button onClick={() => setMaking(true)}>New key</Button>;
  return (
    <Stack gap="lg">
      {names.error && <ErrorNotice error={names.error} retry={() => void names.refetch()} />}
      {names.isPending && <Skeleton h={120} radius="lg" aria-label="Loading keys" />}
      {names.data?.length === 0 && (
        <EmptyState icon={IconKey} title="No keys yet" action={make}>
          A key encrypts what programs send, and is rotated without losing what it encrypted.
        </EmptyState>
      )}
      {names.data && names.data.length > 0 && (
        <>
          <Group>{make}</Group>
          <Card component="ul" m={0} py={0} style={{ listStyle: 'none' }}>
            {names.data.map((name, at) => (
              <KeyRow key={name} name={name} first={at === 0} />
            ))}
          </Card>
        </>
      )}
      <Modal opened={making} onClose={() => setMaking(false)} title="New key" centered>
        <KeyForm onDone={() => setMaking(false)} />
      </Modal>
    </Stack>
  );
}

function KeyRow({ name, first }: { name: string; first: boolean }) {
  const client = useQueryClient();
  const params = { params: { path: { name } } };
  const key = useQuery({
    queryKey: [...transitKey, name],
    queryFn: () => call(api.GET('/api/keys/v1/transit/keys/{name}', params)),
  });
  const rotate = useMutation({
    mutationFn: () => call(api.POST('/api/keys/v1/transit/keys/{name}/rotate', params)),
    onSuccess: ({ data }) => notifyDone(`${name} encrypts with version ${data.latest_version} now.`),
    onError: notifyProblem,
    onSettled: () => client.invalidateQueries({ queryKey: transitKey }),
  });
  return (
    <Group
      component="li"
      justify="space-between"
      py="md"
      gap="sm"
      style={first ? undefined : { borderTop: '1px solid var(--mantine-color-default-border)' }}
    >
      <Box miw={0} flex="1 1 260px">
        <Group gap="xs">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {name}
          </Text>
          {key.data?.data.exportable && (
            <Badge variant="light" color="orange">
              Exportable
            </Badge>
          )}
        </Group>
        {key.data ? <About info={key.data.data} /> : <Skeleton h={18} w={240} mt={4} />}
      </Box>
      <ConfirmButton
        label="Rotate"
        size="xs"
        color="nexus"
        title={`Rotate ${name}?`}
        confirm="Rotate"
        pending={rotate.isPending}
        onConfirm={() => rotate.mutate()}
      >
        A new version encrypts from now on. What older versions encrypted can still be read.
      </ConfirmButton>
    </Group>
  );
}

function About({ info }: { info: TransitKey }) {
  const made = info.keys[String(info.latest_version)];
  return (
    <Text size="sm" c="dimmed">
      {info.type} · version {info.latest_version}
      {made !== undefined && ` of ${moment(new Date(made * 1_000).toISOString())}`} · for {info.usable_by}s
    </Text>
  );
}

function KeyForm({ onDone }: { onDone: () => void }) {
  const client = useQueryClient();
  const form = useForm({
    initialValues: { name: '', type: 'aes256-gcm96' as TransitKey['type'] },
    validate: { name: keyNameRule },
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: ({ name, type }) =>
      call(api.POST('/api/keys/v1/transit/keys/{name}', { params: { path: { name } }, body: { type } })),
    onSuccess: async ({ data }) => {
      await client.invalidateQueries({ queryKey: transitKey });
      notifyDone(`${data.name} is ready.`);
      onDone();
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <ErrorNotice error={problem} />}
        <TextInput label="Name" placeholder="orders" required data-autofocus {...form.getInputProps('name')} />
        <Select label="Kind" data={TYPES} allowDeselect={false} {...form.getInputProps('type')} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={pending}>
            Make key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
