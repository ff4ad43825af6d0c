import { Button, Card, Group, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { api, call } from '../api/client';
import { NewPasswordInput } from '../identity/NewPasswordInput';
import { newPasswordRule, typedPasswordRule } from '../identity/rules';
import { signIn } from '../identity/sign-in';
import { useFormMutation } from '../identity/use-form-mutation';
import { signedOut } from '../session/session';
import { useProfile } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { notifyDone } from '../shared/notify';

export function PasswordCard() {
  const { email } = useProfile();
  const form = useForm({
    initialValues: { current_password: '', new_password: '' },
    validate: {
      current_password: typedPasswordRule,
      new_password: (value) => newPasswordRule(value, email),
    },
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: async (body) => {
      await call(api.POST('/api/users/me/password', { body }));
      // All sessions have ended, this one too: the new password makes a new one here.
      // Whoever has to show a code as well signs in on the page that asks for it.
      const challenge = await signIn({ email, password: body.new_password }).catch(() => 'refused');
      if (challenge) signedOut();
    },
    fieldOf: { 'wrong-password': 'current_password' },
    onSuccess: () => {
      form.reset();
      notifyDone('Your password is changed, and all other sessions have ended.');
    },
  });
  return (
    <Card component="section" aria-label="Password">
      <Stack>
        <Title order={2} size="h4">
          Password
        </Title>
        <Text size="sm" c="dimmed">
          A change signs you out everywhere else.
        </Text>
        {problem && <ErrorNotice error={problem} />}
        <form onSubmit={submit} noValidate>
          <Stack>
            {/* So that a password manager knows whose password this is. */}
            <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
            <PasswordInput
              label="Current password"
              autoComplete="current-password"
              required
              {...form.getInputProps('current_password')}
            />
            <NewPasswordInput label="New password" required email={email} {...form.getInputProps('new_password')} />
            <Group>
              <Button type="submit" loading={pending}>
                Change password
              </Button>
            </Group>
          </Stack>
        </form>
      </Stack>
    </Card>
  );
}
