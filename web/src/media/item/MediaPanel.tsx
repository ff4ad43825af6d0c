import { Alert, AspectRatio, Button, Center, Paper, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconMovieOff, IconRefresh } from '@tabler/icons-react';
import type { Content } from '../../api/types';
import { EmptyState } from '../../shared/EmptyState';
import { notifyProblem } from '../../shared/notify';
import { MediaProgress } from '../content/MediaProgress';
import { useRetryableJob, useRetryJob } from '../content/queries';
import { sentence } from '../content/sentence';
import { Film } from '../player/Film';

interface Props {
  content: Content;
  editor: boolean;
}

/** The item's film: it plays, is being made ready, or can't be, and why. */
export function MediaPanel({ content, editor }: Props) {
  const media = content.media;
  switch (media?.state) {
    case 'ready':
      return <Film content={content} />;
    case 'processing':
      return (
        <Paper withBorder>
          <AspectRatio ratio={16 / 9}>
            <Center p="xl">
              <Stack maw={420} w="100%">
                <MediaProgress progress={media.progress} label={`Progress of ${content.title}`} />
              </Stack>
            </Center>
          </AspectRatio>
        </Paper>
      );
    case 'failed':
      return <Failure content={content} reason={media.error ?? 'Nobody knows why.'} editor={editor} />;
    default:
      return (
        <EmptyState icon={IconMovieOff} title="There is no film">
          This item was made without a file.
        </EmptyState>
      );
  }
}

interface FailureProps extends Props {
  reason: string;
}

function Failure({ content, reason, editor }: FailureProps) {
  const job = useRetryableJob(content, editor).data;
  const retry = useRetryJob(content.id);
  return (
    <Alert role="alert" color="red" icon={<IconAlertTriangle aria-hidden />} title="This file can't be played">
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{sentence(reason)}</Text>
        {job && (
          <Button
            size="xs"
            variant="light"
            color="red"
            leftSection={<IconRefresh size={16} aria-hidden />}
            loading={retry.isPending}
            onClick={() => retry.mutate(job.id, { onError: notifyProblem })}
          >
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
