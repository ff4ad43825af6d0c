import { Alert, Button, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconInfoCircle } from '@tabler/icons-react';
import type { Challenge } from '../api/types';
import { ErrorNotice } from '../shared/ErrorNotice';
import { codeRule } from './rules';
import { sendCode } from './sign-in';
import { useCountdown } from './use-countdown';
import { useFormMutation } from './use-form-mutation';

interface Props {
  challenge: Challenge;
  /** Back to the first step. */
  onRestart: () => void;
}

/** The second step of a sign-in: a code of the authenticator app, or a recovery code. */
export function SecondFactorForm({ challenge, onRestart }: Props) {
  const form = useForm({ initialValues: { code: '' }, validate: { code: codeRule } });
  const { submit, pending, problem } = useFormMutation(form, {
    send: ({ code }) => sendCode(challenge, code.trim()),
    fieldOf: { 'wrong-code': 'code' },
  });
  const wait = useCountdown(problem);
  const over = problem?.code === 'challenge-invalid';
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {over && (
          <Alert role="alert" color="orange" icon={<IconInfoCircle aria-hidden />}>
            That took too long, or too many codes were wrong. Begin again.
          </Alert>
        )}
        {problem && !over && <ErrorNotice error={problem} />}
        <TextInput
          label="Code"
          description="Of your authenticator app, or one of your recovery codes."
          autoComplete="one-time-code"
          required
          autoFocus
          maxLength={64}
          {...form.getInputProps('code')}
        />
        <Button type="submit" loading={pending} disabled={wait > 0 || over} fullWidth mt="xs">
          {wait > 0 ? `Wait ${wait} s` : 'Sign in'}
        </Button>
        <Button variant="subtle" color="gray" fullWidth onClick={onRestart}>
          Begin again
        </Button>
      </Stack>
    </form>
  );
}
