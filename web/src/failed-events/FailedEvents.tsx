import { Badge, Button, Card, Code, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconChecks, IconRotateClockwise } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, call } from '../api/client';
import type { DeadLetter } from '../api/types';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { ago, moment } from '../shared/format';
import { notifyDone, notifyProblem } from '../shared/notify';
import { PageHeader } from '../shared/PageHeader';
import { deadLettersKey, useDeadLetters } from './use-dead-letters';

/** The events that a service could not apply, and the way to try again. */
export function FailedEvents() {
  const { data, error, refetch, isPending } = useDeadLetters();
  return (
    <>
      <PageHeader
        title="Failed events"
        description="Events that a service gave up on. Nothing is lost: mend the cause, then replay them."
      />
      <Stack gap="lg" maw={960}>
        {error && <ErrorNotice error={error} retry={() => void refetch()} />}
        {isPending && <Skeleton h={180} radius="lg" aria-label="Loading failed events" />}
        {data?.items.length === 0 && (
          <EmptyState icon={IconChecks} title="Every event was applied">
            When a service fails on an event again and again, it waits here.
          </EmptyState>
        )}
        {data?.items.map((letter) => (
          <Letter key={`${letter.service}/${letter.source}/${letter.position}`} letter={letter} />
        ))}
      </Stack>
    </>
  );
}

function Letter({ letter }: { letter: DeadLetter }) {
  const client = useQueryClient();
  const { service, source, position } = letter;
  const replay = useMutation({
    mutationFn: () =>
      call(
        api.POST('/api/system/dead-letters/{service}/{source}/{position}/replay', {
          params: { path: { service, source, position } },
        }),
      ),
    onSuccess: () => notifyDone(`${service} tries event ${position} of ${source} again.`),
    onError: notifyProblem,
    onSettled: () => client.invalidateQueries({ queryKey: deadLettersKey }),
  });
  return (
    <Card component="article" aria-label={`${letter.type} in ${service}`}>
      <Stack gap="sm">
        <Group justify="space-between" align="flex-start" gap="sm">
          <Stack gap={4} miw={0}>
            <Title order={2} size="h5" style={{ overflowWrap: 'anywhere' }}>
              {letter.type}
            </Title>
            <Text size="sm" c="dimmed">
              {service} could not apply event {position} of {source},{' '}
              <span title={moment(letter.since)}>{ago(letter.since)}</span>
            </Text>
          </Stack>
          <Button
            size="xs"
            variant="light"
            leftSection={<IconRotateClockwise size={16} aria-hidden />}
            loading={replay.isPending}
            onClick={() => replay.mutate()}
          >
            Replay
          </Button>
        </Group>
        <Code block c="red" style={{ whiteSpace: 'pre-wrap' }}>
          {letter.error}
        </Code>
        <Group gap="xs">
          <Badge variant="light" color="gray" tt="none">
            {letter.attempts === 1 ? '1 attempt' : `${letter.attempts} attempts`}
          </Badge>
          <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            key {letter.key}
          </Text>
        </Group>
      </Stack>
    </Card>
  );
}
