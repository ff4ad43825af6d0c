import { Box, Button, Card, Group, Modal, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { usePages } from '../api/pages';
import type { ApiToken } from '../api/types';
import { ConfirmButton } from '../shared/ConfirmButton';
import { ErrorNotice } from '../shared/ErrorNotice';
import { ago, day } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { notifyDone, notifyProblem } from '../shared/notify';
import { ApiTokenForm } from './ApiTokenForm';
import { type Kind, listTokens, revokeToken } from './kinds';

interface Props {
  kind: Kind;
  title: string;
  children: ReactNode;
}

/** Tokens that are good for months: a person's own, or those of programs. */
export function ApiTokens({ kind, title, children }: Props) {
  const tokens = usePages<ApiToken>(['tokens', kind], (cursor) => listTokens(kind, cursor));
  const [making, setMaking] = useState(false);
  return (
    <Card component="section" aria-label={title}>
      <Stack>
        <Group justify="space-between" align="flex-start" wrap="nowrap">
          <Box>
            <Title order={2} size="h4">
              {title}
            </Title>
            <Text size="sm" c="dimmed">
              {children}
            </Text>
          </Box>
          <Button variant="default" style={{ flexShrink: 0 }} onClick={() => setMaking(true)}>
            New token
          </Button>
        </Group>
        {tokens.error && <ErrorNotice error={tokens.error} retry={() => void tokens.refetch()} />}
        {tokens.isPending && <Skeleton h={48} />}
        <Stack gap={0} component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
          {tokens.items?.map((token) => (
            <Row key={token.id} kind={kind} token={token} />
          ))}
        </Stack>
        <LoadMore pages={tokens} />
      </Stack>
      <Modal opened={making} onClose={() => setMaking(false)} title="New token" centered closeOnClickOutside={false}>
        <ApiTokenForm kind={kind} onDone={() => setMaking(false)} />
      </Modal>
    </Card>
  );
}

function Row({ kind, token }: { kind: Kind; token: ApiToken }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => revokeToken(kind, token.id),
    onSuccess: () => notifyDone(`${token.name} is good no longer.`),
    onError: notifyProblem,
    onSettled: () => client.invalidateQueries({ queryKey: ['tokens', kind] }),
  });
  return (
    <Group
      component="li"
      justify="space-between"
      wrap="nowrap"
      py="sm"
      style={{ borderTop: '1px solid var(--mantine-color-default-border)' }}
    >
      <Box miw={0}>
        <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
          {token.name}
        </Text>
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {token.scopes.join(', ')} · until {day(token.expires_at)} ·{' '}
          {token.last_used_at ? `used ${ago(token.last_used_at)}` : 'never used'}
        </Text>
      </Box>
      <ConfirmButton
        label="Revoke"
        size="xs"
        aria-label={`Revoke ${token.name}`}
        title={`Revoke ${token.name}?`}
        confirm="Revoke"
        pending={revoke.isPending}
        onConfirm={() => revoke.mutate()}
      >
        Whatever uses it is refused within a second.
      </ConfirmButton>
    </Group>
  );
}
