import { Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api, call } from '../api/client';
import { asProblem } from '../api/problem';
import { codeRule, typedPasswordRule } from '../identity/rules';
import { useFormMutation } from '../identity/use-form-mutation';
import { steppedUp } from '../session/session';
import { useProfile } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { notifyProblem } from '../shared/notify';
import { useFactors } from './use-factors';

interface Options<V, T> {
  send: (values: V) => Promise<T>;
  onSuccess: (result: T) => void;
}

/**
 * For what the server does only for somebody who has just shown who they are: when it says so, `prompt` asks for password or
 * code, and what was asked for is sent again. Put `prompt` into the page.
 */
export function useSteppedUp<V, T>({ send, onSuccess }: Options<V, T>) {
  const [waiting, setWaiting] = useState<{ values: V } | null>(null);
  const mutation = useMutation({
    mutationFn: send,
    onSuccess,
    onError: (error, values) => {
      if (asProblem(error).code === 'insufficient-user-authentication') setWaiting({ values });
      else notifyProblem(error);
    },
  });
  const prompt = waiting && (
    <StepUp
      onClose={() => setWaiting(null)}
      onDone={() => {
        setWaiting(null);
        mutation.mutate(waiting.values);
      }}
    />
  );
  return { run: mutation.mutate, pending: mutation.isPending, prompt };
}

function StepUp({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const { data: factors } = useFactors();
  return (
    <Modal opened onClose={onClose} title="Is it you?" centered>
      {factors && <StepUpForm byCode={factors.authenticator_since !== undefined} onClose={onClose} onDone={onDone} />}
    </Modal>
  );
}

interface FormProps {
  /** Whether the account asks for a code, rather than for its password. */
  byCode: boolean;
  onClose: () => void;
  onDone: () => void;
}

function StepUpForm({ byCode, onClose, onDone }: FormProps) {
  const { email } = useProfile();
  const form = useForm({
    initialValues: { password: '', code: '' },
    validate: byCode ? { code: codeRule } : { password: typedPasswordRule },
  });
  const { submit, pending, problem } = useFormMutation(form, {
    send: async ({ password, code }) =>
      steppedUp(await call(api.POST('/api/auth/step-up', { body: byCode ? { code: code.trim() } : { password } }))),
    fieldOf: { 'wrong-password': 'password', 'wrong-code': 'code' },
    onSuccess: onDone,
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Text size="sm">This changes how you sign in. Show once more who you are.</Text>
        {problem && <ErrorNotice error={problem} />}
        {byCode ? (
          <TextInput
            label="Code"
            description="Of your authenticator app, or a recovery code."
            autoComplete="one-time-code"
            required
            data-autofocus
            maxLength={64}
            {...form.getInputProps('code')}
          />
        ) : (
          <>
            <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
            <PasswordInput
              label="Password"
              autoComplete="current-password"
              required
              data-autofocus
              {...form.getInputProps('password')}
            />
          </>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={pending}>
            Go on
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
