import { Alert, Button, Code, Skeleton, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconKey } from '@tabler/icons-react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { call, publicApi } from '../api/client';
import { PublicFrame } from '../app/PublicFrame';
import { ErrorNotice } from '../shared/ErrorNotice';
import { notifyDone } from '../shared/notify';
import { NewPasswordInput } from './NewPasswordInput';
import { emailRule, nameRule, newPasswordRule } from './rules';
import { signIn } from './sign-in';
import { useFormMutation } from './use-form-mutation';
import { useSetupState } from './use-setup-state';

/** The first account, made with the link that the program printed at its start. */
export function Setup() {
  const [search] = useSearchParams();
  const token = search.get('token') ?? '';
  const { data, error, refetch } = useSetupState();
  if (error) {
    return (
      <PublicFrame title="Set up Nexus COS">
        <ErrorNotice error={error} retry={() => void refetch()} />
      </PublicFrame>
    );
  }
  if (!data) {
    return (
      <PublicFrame title="Set up Nexus COS">
        <Skeleton h={420} />
      </PublicFrame>
    );
  }
  if (!data.needed) {
    return (
      <PublicFrame title="Already set up" description="The owner's account exists. The link works only once.">
        <Button component={Link} to="/sign-in" fullWidth>
          Sign in
        </Button>
      </PublicFrame>
    );
  }
  if (token === '') return <LinkMissing />;
  return (
    <PublicFrame title="Set up Nexus COS" description="Make your organisation and the account that owns it.">
      <SetupForm token={token} />
    </PublicFrame>
  );
}

function LinkMissing() {
  return (
    <PublicFrame title="Set up Nexus COS" description="This cloud has no owner yet.">
      <Alert icon={<IconKey aria-hidden />} title="Open the link that was printed">
        When it started, the program printed a link that begins with <Code>{location.origin}/setup?token=</Code>. Open
        that one: it is the key. A restart prints a new one.
      </Alert>
    </PublicFrame>
  );
}

function SetupForm({ token }: { token: string }) {
  const navigate = useNavigate();
  const form = useForm({
    initialValues: { organisation: '', name: '', email: '', password: '' },
    validate: {
      organisation: nameRule,
      name: nameRule,
      email: emailRule,
      password: (value, { email }) => newPasswordRule(value, email),
    },
    validateInputOnBlur: ['organisation', 'name', 'email'],
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: async (values) => {
      await call(publicApi.POST('/api/users/setup', { body: { token, ...values } }));
      // The account is there: when this fails, sign-in can be tried again by hand.
      await signIn(values).catch(() => undefined);
    },
    onSuccess: () => {
      notifyDone('Your cloud is ready.');
      navigate('/', { replace: true });
    },
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <ErrorNotice error={problem} />}
        <TextInput
          label="Organisation"
          placeholder="Harbour Films"
          autoComplete="organization"
          required
          autoFocus
          {...form.getInputProps('organisation')}
        />
        <TextInput label="Your name" autoComplete="name" required {...form.getInputProps('name')} />
        <TextInput
          label="E-mail"
          type="email"
          description="You sign in with it."
          autoComplete="username"
          required
          {...form.getInputProps('email')}
        />
        <NewPasswordInput label="Password" required email={form.values.email} {...form.getInputProps('password')} />
        <Button type="submit" loading={pending} fullWidth mt="xs">
          Create account
        </Button>
      </Stack>
    </form>
  );
}
