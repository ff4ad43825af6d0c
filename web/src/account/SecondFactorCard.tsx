import { Badge, Button, Card, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, call } from '../api/client';
import type { Enrolment, Factors } from '../api/types';
import { ConfirmButton } from '../shared/ConfirmButton';
import { ErrorNotice } from '../shared/ErrorNotice';
import { day } from '../shared/format';
import { notifyDone } from '../shared/notify';
import { EnrolAuthenticator } from './EnrolAuthenticator';
import { RecoveryCodes } from './RecoveryCodes';
import { useSteppedUp } from './StepUp';
import { factorsKey, useFactors } from './use-factors';

/** The authenticator app and the recovery codes. */
export function SecondFactorCard() {
  const factors = useFactors();
  return (
    <Card component="section" aria-label="Two-step sign-in">
      <Stack>
        <Group justify="space-between">
          <Title order={2} size="h4">
            Two-step sign-in
          </Title>
          {factors.data && (
            <Badge variant="light" color={factors.data.authenticator_since ? 'teal' : 'gray'}>
              {factors.data.authenticator_since ? 'On' : 'Off'}
            </Badge>
          )}
        </Group>
        <Text size="sm" c="dimmed">
          A code of an app on your phone, besides the password: a password alone that somebody learns opens nothing.
        </Text>
        {factors.error && <ErrorNotice error={factors.error} retry={() => void factors.refetch()} />}
        {factors.isPending && <Skeleton h={36} />}
        {factors.data && (factors.data.authenticator_since ? <On factors={factors.data} /> : <Off />)}
      </Stack>
    </Card>
  );
}

function Off() {
  const client = useQueryClient();
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null);
  const enrol = useSteppedUp({
    send: () => call(api.POST('/api/auth/factors/authenticator')),
    onSuccess: setEnrolment,
  });
  return (
    <Group>
      <Button loading={enrol.pending} onClick={() => enrol.run(undefined)}>
        Set up an authenticator app
      </Button>
      {enrol.prompt}
      {enrolment && (
        <EnrolAuthenticator
          enrolment={enrolment}
          onClose={() => {
            setEnrolment(null);
            void client.invalidateQueries({ queryKey: factorsKey });
          }}
        />
      )}
    </Group>
  );
}

function On({ factors }: { factors: Factors }) {
  const client = useQueryClient();
  const [codes, setCodes] = useState<string[] | null>(null);
  const changed = () => client.invalidateQueries({ queryKey: factorsKey });
  const renew = useSteppedUp({
    send: () => call(api.POST('/api/auth/factors/recovery-codes')),
    onSuccess: ({ recovery_codes }) => {
      setCodes(recovery_codes);
      void changed();
    },
  });
  const remove = useSteppedUp({
    send: () => call(api.DELETE('/api/auth/factors/authenticator')),
    onSuccess: () => {
      notifyDone('Your password alone signs you in again.');
      void changed();
    },
  });
  const left = factors.recovery_codes_left;
  return (
    <>
      <Text size="sm">
        Authenticator app since {factors.authenticator_since && day(factors.authenticator_since)}.{' '}
        <Text span inherit c={left < 3 ? 'orange' : undefined}>
          {left === 1 ? '1 recovery code' : `${left} recovery codes`} left.
        </Text>
      </Text>
      <Group>
        <Button variant="default" loading={renew.pending} onClick={() => renew.run(undefined)}>
          New recovery codes
        </Button>
        <ConfirmButton
          label="Remove"
          title="Remove the authenticator app?"
          confirm="Remove"
          pending={remove.pending}
          onConfirm={() => remove.run(undefined)}
        >
          Your password alone signs you in from then on, and your recovery codes are good no longer.
        </ConfirmButton>
      </Group>
      {renew.prompt}
      {remove.prompt}
      {codes && <RecoveryCodes codes={codes} onClose={() => setCodes(null)} />}
    </>
  );
}
