import { ActionIcon, Group, Progress, Stack, Text, VisuallyHidden } from '@mantine/core';
import { IconPlayerPauseFilled, IconPlayerPlayFilled, IconX } from '@tabler/icons-react';
import { Link } from 'react-router';
import { notifyProblem } from '../../shared/notify';
import { describe } from './describe';
import type { UploadRow } from './rows';
import { transfers, useDiscardUpload } from './use-uploads';

/** One upload: how far it is, and what can be done with it. */
export function UploadItem({ row }: { row: UploadRow }) {
  const bad = row.state === 'failed' || row.state === 'refused';
  return (
    <Stack component="li" gap={6} aria-label={row.name}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Text fw={500} size="sm" truncate title={row.name}>
          {row.name}
        </Text>
        <Actions row={row} />
      </Group>
      {isMoving(row) && (
        <Progress.Root size="sm" radius="xl">
          <Progress.Section
            value={Math.round(share(row) * 100)}
            color={row.state === 'sending' ? undefined : 'gray'}
            aria-label={`Upload of ${row.name}`}
          />
        </Progress.Root>
      )}
      <Group gap="xs" justify="space-between">
        <Text size="sm" c={bad ? 'var(--mantine-color-error)' : 'dimmed'} role={bad ? 'alert' : 'status'}>
          {describe(row)}
        </Text>
        {row.state === 'accepted' && (
          <Text component={Link} to={`/media/${row.contentId}`} size="sm" fw={600} c="var(--mantine-color-anchor)">
            Open<VisuallyHidden> {row.name}</VisuallyHidden>
          </Text>
        )}
      </Group>
    </Stack>
  );
}

function Actions({ row }: { row: UploadRow }) {
  const discard = useDiscardUpload();
  const { transferId } = row;
  const accepted = row.state === 'accepted';
  return (
    <Group gap={4} wrap="nowrap">
      {transferId && (row.state === 'sending' || row.state === 'waiting' || row.state === 'queued') && (
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`Pause ${row.name}`}
          onClick={() => transfers.pause(transferId)}
        >
          <IconPlayerPauseFilled size={16} aria-hidden />
        </ActionIcon>
      )}
      {transferId && (row.state === 'paused' || row.state === 'failed') && (
        <ActionIcon variant="subtle" aria-label={`Resume ${row.name}`} onClick={() => transfers.resume(transferId)}>
          <IconPlayerPlayFilled size={16} aria-hidden />
        </ActionIcon>
      )}
      {row.state !== 'checking' && (
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={accepted || row.state === 'refused' ? `Hide ${row.name}` : `Cancel ${row.name}`}
          loading={discard.isPending}
          onClick={() => {
            if (accepted && transferId) transfers.dismiss(transferId);
            else discard.mutate(row, { onError: notifyProblem });
          }}
        >
          <IconX size={16} aria-hidden />
        </ActionIcon>
      )}
    </Group>
  );
}

function share(row: UploadRow): number {
  return row.size > 0 ? row.sent / row.size : 0;
}

function isMoving({ state }: UploadRow): boolean {
  return (
    state === 'sending' || state === 'paused' || state === 'waiting' || state === 'queued' || state === 'interrupted'
  );
}
