import { Box, Card, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { Consent } from '../api/types';
import { scopeMeaning } from '../authorize/scopes';
import { ConfirmButton } from '../shared/ConfirmButton';
import { ErrorNotice } from '../shared/ErrorNotice';
import { day } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { notifyDone, notifyProblem } from '../shared/notify';

const consentsKey = ['consents'] as const;

/** The applications that may act for the person. */
export function ConnectedApplicationsCard() {
  const consents = usePages<Consent>(consentsKey, (cursor) =>
    call(api.GET('/api/auth/v2/consents', { params: { query: { cursor } } })),
  );
  return (
    <Card component="section" aria-label="Connected applications">
      <Stack>
        <Title order={2} size="h4">
          Connected applications
        </Title>
        {consents.error && <ErrorNotice error={consents.error} retry={() => void consents.refetch()} />}
        {consents.isPending && <Skeleton h={48} />}
        {consents.items?.length === 0 && (
          <Text size="sm" c="dimmed">
            No application acts for you. One that wants to asks you first.
          </Text>
        )}
        <Stack gap="sm" component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
          {consents.items?.map((consent) => (
            <Connected key={consent.client_id} consent={consent} />
          ))}
        </Stack>
        <LoadMore pages={consents} />
      </Stack>
    </Card>
  );
}

function Connected({ consent }: { consent: Consent }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () =>
      call(api.DELETE('/api/auth/v2/consents/{client_id}', { params: { path: { client_id: consent.client_id } } })),
    onSuccess: () => notifyDone(`${consent.name} may act for you no longer.`),
    onError: notifyProblem,
    onSettled: () => client.invalidateQueries({ queryKey: consentsKey }),
  });
  return (
    <Group component="li" justify="space-between" wrap="nowrap">
      <Box miw={0}>
        <Text fw={600}>{consent.name}</Text>
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {consent.scopes.map(scopeMeaning).join(' · ')} · since {day(consent.granted_at)}
        </Text>
      </Box>
      <ConfirmButton
        label="Disconnect"
        size="xs"
        title={`Disconnect ${consent.name}?`}
        confirm="Disconnect"
        pending={end.isPending}
        onConfirm={() => end.mutate()}
      >
        Its sessions end at once, and next time it has to ask you again.
      </ConfirmButton>
    </Group>
  );
}
