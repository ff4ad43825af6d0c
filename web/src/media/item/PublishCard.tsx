import { Button, Card, CopyButton, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { IconCheck, IconCopy, IconExternalLink } from '@tabler/icons-react';
import type { Content } from '../../api/types';
import { notifyDone, notifyProblem } from '../../shared/notify';
import { Badges } from '../content/Badges';
import { VISIBILITIES } from '../content/labels';
import { usePublishContent } from '../content/queries';

interface Props {
  content: Content;
  editor: boolean;
}

/** Whether the item is out, the way to change that, and its link. */
export function PublishCard({ content, editor }: Props) {
  return (
    <Card component="section" aria-labelledby="publication">
      <Stack gap="md">
        <Group justify="space-between">
          <Title order={2} size="h4" id="publication">
            Publication
          </Title>
          <Badges content={content} />
        </Group>
        <Text size="sm" c="dimmed">
          {content.status === 'published'
            ? `Can be watched by: ${lower(VISIBILITIES[content.visibility].audience)}.`
            : 'Only editors see it until it is published.'}
        </Text>
        {editor && <PublishButton content={content} />}
        {content.media?.state === 'ready' && <WatchLink id={content.id} />}
      </Stack>
    </Card>
  );
}

function PublishButton({ content }: { content: Content }) {
  const publish = usePublishContent(content.id);
  const published = content.status === 'published';
  return (
    <Button
      variant={published ? 'default' : 'filled'}
      loading={publish.isPending}
      disabled={!published && content.media?.state !== 'ready'}
      onClick={() =>
        publish.mutate(published ? 'draft' : 'published', {
          onSuccess: () => notifyDone(published ? 'It is a draft again.' : 'It is published.'),
          onError: notifyProblem,
        })
      }
    >
      {published ? 'Unpublish' : 'Publish'}
    </Button>
  );
}

function WatchLink({ id }: { id: string }) {
  const link = `${location.origin}/watch/${id}`;
  return (
    <Stack gap="xs">
      <TextInput label="Link to watch" readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
      <Group gap="xs">
        <CopyButton value={link} timeout={2_000}>
          {({ copied, copy }) => (
            <Button
              variant="light"
              size="xs"
              onClick={copy}
              leftSection={copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
            >
              {copied ? 'Copied' : 'Copy link'}
            </Button>
          )}
        </CopyButton>
        <Button
          variant="subtle"
          size="xs"
          component="a"
          href={link}
          target="_blank"
          rel="noreferrer"
          leftSection={<IconExternalLink size={16} aria-hidden />}
        >
          Open
        </Button>
      </Group>
    </Stack>
  );
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
