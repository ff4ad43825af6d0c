import { Badge, Button, Card, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQueryClient } from '@tanstack/react-query';
import { api, call, etagOf } from '../api/client';
import type { UserProfile } from '../api/types';
import { nameRule } from '../identity/rules';
import { useFormMutation } from '../identity/use-form-mutation';
import { profileKey, useProfile } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { day } from '../shared/format';
import { notifyDone } from '../shared/notify';

export function ProfileCard() {
  const profile = useProfile();
  const client = useQueryClient();
  const form = useForm({ initialValues: { name: profile.name }, validate: { name: nameRule } });
  const { submit, pending, problem } = useFormMutation(form, {
    send: (body) => call(api.PATCH('/api/users/me', { params: { header: { 'If-Match': etagOf(profile) } }, body })),
    onSuccess: (changed: UserProfile) => {
      client.setQueryData(profileKey, changed);
      form.setInitialValues({ name: changed.name });
      form.reset();
      notifyDone('Your name is saved.');
    },
  });
  return (
    <Card component="section" aria-label="Profile">
      <Stack h="100%">
        <Title order={2} size="h4">
          Profile
        </Title>
        {problem && (
          <ErrorNotice
            error={problem}
            retry={problem.status === 412 ? () => void client.invalidateQueries({ queryKey: profileKey }) : undefined}
          />
        )}
        <form onSubmit={submit} noValidate>
          <Stack>
            <TextInput label="Name" autoComplete="name" required {...form.getInputProps('name')} />
            <Group>
              <Button type="submit" loading={pending} disabled={!form.isDirty()}>
                Save name
              </Button>
            </Group>
          </Stack>
        </form>
        <Stack gap="xs" component="dl" my={0}>
          <Fact label="E-mail">{profile.email}</Fact>
          <Fact label="Organisation">{profile.organisation}</Fact>
          <Fact label="Roles">
            <Group gap={6} component="span">
              {profile.roles.map((role) => (
                <Badge key={role} component="span" variant="light">
                  {role}
                </Badge>
              ))}
            </Group>
          </Fact>
          <Fact label="Since">{day(profile.created_at)}</Fact>
        </Stack>
      </Stack>
    </Card>
  );
}

function Fact({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <Group gap="sm" wrap="nowrap" align="baseline">
      <Text component="dt" size="sm" c="dimmed" w={96} style={{ flexShrink: 0 }}>
        {label}
      </Text>
      <Text component="dd" size="sm" m={0} style={{ overflowWrap: 'anywhere' }}>
        {children}
      </Text>
    </Group>
  );
}
