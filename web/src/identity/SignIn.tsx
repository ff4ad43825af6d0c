import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconInfoCircle, IconKey } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, Navigate, useLocation } from 'react-router';
import type { Problem } from '../api/problem';
import type { Challenge } from '../api/types';
import { PublicFrame } from '../app/PublicFrame';
import { Splash } from '../app/Splash';
import { useSession } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { MailLink } from './MailLink';
import { ResendVerification } from './ResendVerification';
import { emailRule, typedPasswordRule } from './rules';
import { SecondFactorForm } from './SecondFactorForm';
import { signIn } from './sign-in';
import { useCountdown } from './use-countdown';
import { useFormMutation } from './use-form-mutation';
import { useSetupState } from './use-setup-state';

interface Arrival {
  /** Where the person wanted to go. */
  from?: string;
  /** Whether a session ended without this person's doing. */
  ended?: boolean;
  /** Whose sign-in is waited for. */
  email?: string;
}

export function SignIn() {
  const session = useSession();
  const arrival = (useLocation().state ?? {}) as Arrival;
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  if (session.status === 'signed-in') return <Navigate to={arrival.from ?? '/'} replace />;
  if (session.status === 'starting' && !session.problem) return <Splash />;
  if (challenge) {
    return (
      <PublicFrame title="One more step" description="This account asks for a code.">
        <SecondFactorForm challenge={challenge} onRestart={() => setChallenge(null)} />
      </PublicFrame>
    );
  }
  return (
    <PublicFrame
      title="Sign in"
      footer={
        <>
          No account yet?{' '}
          <Anchor component={Link} to="/register" inherit>
            Register
          </Anchor>
        </>
      }
    >
      <SetupHint />
      {arrival.ended && (
        <Alert icon={<IconInfoCircle aria-hidden />} color="gray">
          Your session has ended. Sign in again to go on.
        </Alert>
      )}
      <SignInForm onChallenge={setChallenge} email={arrival.email} />
    </PublicFrame>
  );
}

/** Before set-up nobody can sign in, and whoever started the program should know why. */
function SetupHint() {
  const { data } = useSetupState();
  if (!data?.needed) return null;
  return (
    <Alert icon={<IconKey aria-hidden />} title="This cloud has no owner yet">
      Open the set-up link that the program printed when it started.
    </Alert>
  );
}

interface FormProps {
  /** The password was right, and a code has to follow. */
  onChallenge: (challenge: Challenge) => void;
  email?: string;
}

function SignInForm({ onChallenge, email = '' }: FormProps) {
  const form = useForm({
    initialValues: { email, password: '' },
    validate: { email: emailRule, password: typedPasswordRule },
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: signIn,
    onSuccess: (challenge) => challenge && onChallenge(challenge),
  });
  const wait = useCountdown(problem);
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && <Refusal problem={problem} email={form.values.email} wait={wait} />}
        <TextInput
          label="E-mail"
          type="email"
          autoComplete="username"
          required
          autoFocus
          {...form.getInputProps('email')}
        />
        <PasswordInput label="Password" autoComplete="current-password" required {...form.getInputProps('password')} />
        <Button type="submit" loading={pending} disabled={wait > 0} fullWidth mt="xs">
          {wait > 0 ? `Wait ${wait} s` : 'Sign in'}
        </Button>
        <MailLink email={form.values.email} />
      </Stack>
    </form>
  );
}

function Refusal({ problem, email, wait }: { problem: Problem; email: string; wait: number }) {
  if (problem.code === 'invalid-credentials') {
    return (
      <Alert role="alert" color="orange" icon={<IconInfoCircle aria-hidden />}>
        The e-mail address or the password is wrong.
      </Alert>
    );
  }
  if (problem.code === 'email-not-verified') {
    return (
      <Alert
        role="alert"
        color="orange"
        icon={<IconInfoCircle aria-hidden />}
        title="Confirm your e-mail address first"
      >
        <Stack gap="xs" align="flex-start">
          Open the link in the mail that we sent you.
          <ResendVerification email={email} />
        </Stack>
      </Alert>
    );
  }
  if (problem.code === 'locked') {
    return (
      <Alert role="alert" color="orange" icon={<IconInfoCircle aria-hidden />} title="Too many failed attempts">
        {wait > 0 ? 'You can try again in a moment.' : 'You can try again now.'}
      </Alert>
    );
  }
  return <ErrorNotice error={problem} />;
}
