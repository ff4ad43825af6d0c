import { Box, Button, Card, Group, Skeleton, Stack, Text } from '@mantine/core';
import { IconMailPlus } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { Invitation } from '../api/types';
import { ConfirmButton } from '../shared/ConfirmButton';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { ago, moment } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { notifyDone, notifyProblem } from '../shared/notify';
import { invitationsKey } from './keys';
import { highestRole } from './roles';

/** Who was invited and has not come yet. */
export function Invitations() {
  const invitations = usePages<Invitation>(invitationsKey, (cursor) =>
    call(api.GET('/api/users/invitations', { params: { query: { cursor } } })),
  );
  return (
    <Stack gap="lg">
      {invitations.error && <ErrorNotice error={invitations.error} retry={() => void invitations.refetch()} />}
      {invitations.isPending && <Skeleton h={120} radius="lg" aria-label="Loading invitations" />}
      {invitations.items?.length === 0 && (
        <EmptyState icon={IconMailPlus} title="Nobody is invited">
          An invitation is a mail with a link that is good once, for a week.
        </EmptyState>
      )}
      {invitations.items && invitations.items.length > 0 && (
        <Card component="ul" m={0} py={0} style={{ listStyle: 'none' }}>
          {invitations.items.map((invitation, at) => (
            <Invited key={invitation.id} invitation={invitation} first={at === 0} />
          ))}
        </Card>
      )}
      <LoadMore pages={invitations} />
    </Stack>
  );
}

function Invited({ invitation, first }: { invitation: Invitation; first: boolean }) {
  const client = useQueryClient();
  const { id, email, expires_at } = invitation;
  const settled = () => client.invalidateQueries({ queryKey: invitationsKey });
  const resend = useMutation({
    mutationFn: () => call(api.POST('/api/users/invitations/{id}/resend', { params: { path: { id } } })),
    onSuccess: () => notifyDone(`Another mail is on its way to ${email}.`),
    onError: notifyProblem,
    onSettled: settled,
  });
  const revoke = useMutation({
    mutationFn: () => call(api.DELETE('/api/users/invitations/{id}', { params: { path: { id } } })),
    onSuccess: () => notifyDone(`The invitation of ${email} is good no longer.`),
    onError: notifyProblem,
    onSettled: settled,
  });
  return (
    <Group
      component="li"
      justify="space-between"
      py="md"
      gap="sm"
      style={first ? undefined : { borderTop: '1px solid var(--mantine-color-default-border)' }}
    >
      <Box miw={0} flex="1 1 260px">
        <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
          {email}
        </Text>
        <Text size="sm" c="dimmed">
          as {highestRole(invitation.roles)} · <span title={moment(expires_at)}>ends {ago(expires_at)}</span>
        </Text>
      </Box>
      <Group gap="xs">
        <Button variant="default" size="xs" loading={resend.isPending} onClick={() => resend.mutate()}>
          Send again
        </Button>
        <ConfirmButton
          label="Revoke"
          size="xs"
          title={`Revoke the invitation of ${email}?`}
          confirm="Revoke"
          pending={revoke.isPending}
          onConfirm={() => revoke.mutate()}
        >
          The link in the mail is good no longer.
        </ConfirmButton>
      </Group>
    </Group>
  );
}
