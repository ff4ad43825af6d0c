import { Box, Button, Code, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { renderSVG } from 'uqr';
import { api, call } from '../api/client';
import type { Enrolment } from '../api/types';
import { codeRule } from '../identity/rules';
import { useFormMutation } from '../identity/use-form-mutation';
import { ErrorNotice } from '../shared/ErrorNotice';
import { RecoveryCodeList } from './RecoveryCodes';

interface Props {
  enrolment: Enrolment;
  onClose: () => void;
}

/** Makes an authenticator app known: the secret as a picture, a first code, and the recovery codes. */
export function EnrolAuthenticator({ enrolment, onClose }: Props) {
  const form = useForm({ initialValues: { code: '' }, validate: { code: codeRule } });
  const { submit, pending, problem, mutation } = useFormMutation(form, {
    send: ({ code }) => call(api.POST('/api/auth/factors/authenticator/confirm', { body: { code: code.trim() } })),
    fieldOf: { 'wrong-code': 'code' },
  });
  const confirmed = mutation.data;
  return (
    <Modal
      opened
      onClose={onClose}
      title={confirmed ? 'Your recovery codes' : 'Set up an authenticator app'}
      centered
      closeOnClickOutside={false}
    >
      {confirmed ? (
        <RecoveryCodeList codes={confirmed.recovery_codes} onDone={onClose} />
      ) : (
        <form onSubmit={submit} noValidate>
          <Stack>
            <Text size="sm">Open the app, add an account, and scan this.</Text>
            <Picture uri={enrolment.uri} />
            <Text size="sm">
              Without a camera, type in <Code style={{ overflowWrap: 'anywhere' }}>{enrolment.secret}</Code>
            </Text>
            {problem && <ErrorNotice error={problem} />}
            <TextInput
              label="The code that the app shows now"
              autoComplete="one-time-code"
              inputMode="numeric"
              required
              data-autofocus
              maxLength={6}
              {...form.getInputProps('code')}
            />
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={pending}>
                Confirm
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}

function Picture({ uri }: { uri: string }) {
  const svg = renderSVG(uri, { border: 2 });
  return (
    <Box
      component="img"
      src={`data:image/svg+xml;utf8,${encodeURIComponent(svg)}`}
      alt="QR code for your authenticator app"
      w={200}
      h={200}
      mx="auto"
      style={{ borderRadius: 'var(--mantine-radius-md)' }}
    />
  );
}
