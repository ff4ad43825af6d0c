import { Card, Stack, Text } from '@mantine/core';
import { Link } from 'react-router';
import type { Content } from '../../api/types';
import { ago } from '../../shared/format';
import { Badges } from '../content/Badges';
import { useLiveContent } from '../content/queries';
import { Poster } from './Poster';

/** An item in the library; the whole card leads to it. */
export function ContentCard({ content: listed }: { content: Content }) {
  const content = useLiveContent(listed);
  return (
    <Card component="article" p={0} h="100%" pos="relative">
      <Poster content={content} />
      <Stack gap="xs" p="md" style={{ flex: 1 }} justify="space-between">
        <Text
          component={Link}
          to={`/media/${content.id}`}
          fw={600}
          lineClamp={2}
          td="none"
          c="var(--mantine-color-text)"
          style={{ overflowWrap: 'anywhere' }}
        >
          {content.title}
          <StretchedLink />
        </Text>
        <Stack gap={6}>
          <Badges content={content} />
          <Text size="xs" c="dimmed">
            Added {ago(content.created_at)}
          </Text>
        </Stack>
      </Stack>
    </Card>
  );
}

/** Makes the card around it part of the link, for the pointer. */
function StretchedLink() {
  return <span aria-hidden style={{ position: 'absolute', inset: 0 }} />;
}
