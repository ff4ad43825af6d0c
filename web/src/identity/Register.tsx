import { Anchor, Button, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { Link } from 'react-router';
import { call, publicApi } from '../api/client';
import { PublicFrame } from '../app/PublicFrame';
import { ErrorNotice } from '../shared/ErrorNotice';
import { NewPasswordInput } from './NewPasswordInput';
import { ResendVerification } from './ResendVerification';
import { emailRule, nameRule, newPasswordRule } from './rules';
import { useFormMutation } from './use-form-mutation';

export function Register() {
  const form = useForm({
    initialValues: { name: '', email: '', password: '' },
    validate: { name: nameRule, email: emailRule, password: (value, { email }) => newPasswordRule(value, email) },
    validateInputOnBlur: ['name', 'email'],
  });
  const { submit, pending, problem, mutation } = useFormMutation(form, {
    send: (values) => call(publicApi.POST('/api/auth/register', { body: values })),
  });
  if (mutation.isSuccess) return <CheckYourMail email={form.values.email} />;
  return (
    <PublicFrame
      title="Register"
      description="Begin as a member; the owner can give you more."
      footer={
        <>
          You have an account?{' '}
          <Anchor component={Link} to="/sign-in" inherit>
            Sign in
          </Anchor>
        </>
      }
    >
      <form onSubmit={submit} noValidate>
        <Stack>
          {problem && <ErrorNotice error={problem} />}
          <TextInput label="Your name" autoComplete="name" required autoFocus {...form.getInputProps('name')} />
          <TextInput label="E-mail" type="email" autoComplete="username" required {...form.getInputProps('email')} />
          <NewPasswordInput label="Password" required email={form.values.email} {...form.getInputProps('password')} />
          <Button type="submit" loading={pending} fullWidth mt="xs">
            Register
          </Button>
        </Stack>
      </form>
    </PublicFrame>
  );
}

/** The same whether the address was known or not, as the server's answer is. */
function CheckYourMail({ email }: { email: string }) {
  return (
    <PublicFrame
      title="Check your mail"
      description={
        <>
          We sent a link to{' '}
          <Text component="span" inherit fw={600} c="var(--mantine-color-text)">
            {email.trim()}
          </Text>
          . Open it to confirm your address, then sign in.
        </>
      }
      footer="No mail server is configured? Then an admin finds the mail in the console's mailbox."
    >
      <Stack>
        <Button component={Link} to="/sign-in" fullWidth>
          To sign-in
        </Button>
        <ResendVerification email={email} />
      </Stack>
    </PublicFrame>
  );
}
