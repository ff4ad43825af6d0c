import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconDeviceTv } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { api, call } from '../api/client';
import type { DeviceRequest } from '../api/types';
import { PublicFrame } from '../app/PublicFrame';
import { useFormMutation } from '../identity/use-form-mutation';
import { useProfile } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { ScopeList } from './ScopeList';

/** Where a device without a browser sends its person (RFC 8628 section 3.3). */
export function Device() {
  const [search] = useSearchParams();
  const form = useForm({
    initialValues: { user_code: search.get('user_code') ?? '' },
    validate: {
      user_code: (value) => (/^[a-z]{4}[-\s]?[a-z]{4}$/i.test(value.trim()) ? null : 'Eight letters, as BCDF-GHJK'),
    },
  });
  const { submit, pending, problem, mutation } = useFormMutation(form, {
    send: ({ user_code }) =>
      call(api.GET('/api/auth/v2/device/{user_code}', { params: { path: { user_code: user_code.trim() } } })),
    fieldOf: { 'not-found': 'user_code' },
  });
  if (mutation.data) return <Answer userCode={form.getValues().user_code.trim()} request={mutation.data} />;
  return (
    <PublicFrame title="Connect a device" description="Type in the code that the device shows.">
      <form onSubmit={submit} noValidate>
        <Stack>
          {problem && <ErrorNotice error={problem} />}
          <TextInput
            label="Code"
            placeholder="BCDF-GHJK"
            required
            autoFocus
            autoComplete="off"
            autoCapitalize="characters"
            maxLength={12}
            {...form.getInputProps('user_code')}
          />
          <Button type="submit" loading={pending} fullWidth>
            Go on
          </Button>
        </Stack>
      </form>
    </PublicFrame>
  );
}

function Answer({ userCode, request }: { userCode: string; request: DeviceRequest }) {
  const { email } = useProfile();
  const answer = useMutation({
    mutationFn: (yes: boolean) => {
      const params = { params: { path: { user_code: userCode } } };
      return call(
        yes
          ? api.POST('/api/auth/v2/device/{user_code}/approve', params)
          : api.POST('/api/auth/v2/device/{user_code}/deny', params),
      );
    },
  });
  if (answer.isSuccess) {
    return (
      <PublicFrame title={answer.variables ? 'Connected' : 'Not connected'}>
        <Text>
          {answer.variables ? `${request.application} acts for you now.` : `${request.application} was told no.`} You
          can close this page.
        </Text>
      </PublicFrame>
    );
  }
  return (
    <PublicFrame title={`Let ${request.application} act for you?`} description={`You are ${email}.`}>
      <Stack gap="lg">
        <Alert icon={<IconDeviceTv aria-hidden />}>
          Say yes only if the device is before you and shows {userCode.toUpperCase()}.
        </Alert>
        <ScopeList scopes={request.scopes} />
        {answer.error && <ErrorNotice error={answer.error} />}
        <Group grow>
          <Button variant="default" disabled={answer.isPending} onClick={() => answer.mutate(false)}>
            No
          </Button>
          <Button loading={answer.isPending} onClick={() => answer.mutate(true)}>
            Yes
          </Button>
        </Group>
      </Stack>
    </PublicFrame>
  );
}
