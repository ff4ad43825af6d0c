import { Button, Group, Loader, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { call, publicApi } from '../api/client';
import type { OpenedInvitation } from '../api/types';
import { PublicFrame } from '../app/PublicFrame';
import { ErrorNotice } from '../shared/ErrorNotice';
import { NewPasswordInput } from './NewPasswordInput';
import { nameRule, newPasswordRule } from './rules';
import { useFormMutation } from './use-form-mutation';

/** Where the link of an invitation leads. */
export function Invitation() {
  const [search] = useSearchParams();
  const token = search.get('token') ?? '';
  const opened = useQuery({
    queryKey: ['invitation', token],
    queryFn: () => call(publicApi.POST('/api/auth/register/invitation/open', { body: { token } })),
    retry: false,
  });
  if (opened.error) {
    return (
      <PublicFrame title="This invitation is good no longer" description="Ask who invited you for a new one.">
        <ErrorNotice error={opened.error} />
        <Button component={Link} to="/sign-in" variant="light" fullWidth>
          To sign-in
        </Button>
      </PublicFrame>
    );
  }
  if (!opened.data) {
    return (
      <PublicFrame title="Invitation">
        <Group role="status">
          <Loader size="sm" />
          <Text>One moment.</Text>
        </Group>
      </PublicFrame>
    );
  }
  return <Accept token={token} invitation={opened.data} />;
}

function Accept({ token, invitation }: { token: string; invitation: OpenedInvitation }) {
  const { email, organisation } = invitation;
  const form = useForm({
    initialValues: { name: invitation.name ?? '', password: '' },
    validate: { name: nameRule, password: (value) => newPasswordRule(value, email) },
  });
  const { submit, pending, problem, mutation } = useFormMutation(form, {
    send: (values) => call(publicApi.POST('/api/auth/register/invitation', { body: { token, ...values } })),
  });
  if (mutation.isSuccess) {
    return (
      <PublicFrame title={`Welcome to ${organisation}`} description="Your account is ready.">
        <Button component={Link} to="/sign-in" state={{ email }} fullWidth>
          Sign in
        </Button>
      </PublicFrame>
    );
  }
  return (
    <PublicFrame title={`Join ${organisation}`} description={`You were invited as ${email}.`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          {problem && <ErrorNotice error={problem} />}
          {/* So that a password manager knows whose password this is. */}
          <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
          <TextInput label="Your name" autoComplete="name" required autoFocus {...form.getInputProps('name')} />
          <NewPasswordInput label="Password" required email={email} {...form.getInputProps('password')} />
          <Button type="submit" loading={pending} fullWidth mt="xs">
            Join
          </Button>
        </Stack>
      </form>
    </PublicFrame>
  );
}
