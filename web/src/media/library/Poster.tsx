import { AspectRatio, Badge, Box, Center, Image, Stack, Text, ThemeIcon } from '@mantine/core';
import { IconAlertTriangle, IconMovie } from '@tabler/icons-react';
import type { Content } from '../../api/types';
import { playTime } from '../../shared/format';
import { MediaProgress } from '../content/MediaProgress';
import { usePlayback } from '../content/queries';
import { sentence } from '../content/sentence';

/** What an item looks like: its poster, how far its media is, or that there is none. */
export function Poster({ content }: { content: Content }) {
  return (
    <Box pos="relative">
      <AspectRatio ratio={16 / 9} bg="var(--mantine-color-default-hover)">
        <Picture content={content} />
      </AspectRatio>
      {content.media?.duration_ms != null && <Duration milliseconds={content.media.duration_ms} />}
    </Box>
  );
}

function Picture({ content }: { content: Content }) {
  const media = content.media;
  switch (media?.state) {
    case 'ready':
      return <Still content={content} />;
    case 'processing':
      return (
        <Center p="lg">
          <MediaProgress progress={media.progress} label={`Progress of ${content.title}`} />
        </Center>
      );
    case 'failed':
      return (
        <Center p="md">
          <Stack gap={4} align="center">
            <ThemeIcon color="red" variant="light" radius="xl" size="lg">
              <IconAlertTriangle size={20} aria-hidden />
            </ThemeIcon>
            <Text size="sm" fw={600}>
              Can't be played
            </Text>
            {media.error && (
              <Text size="xs" c="dimmed" ta="center" lineClamp={3}>
                {sentence(media.error)}
              </Text>
            )}
          </Stack>
        </Center>
      );
    default:
      return <Nothing />;
  }
}

function Still({ content }: { content: Content }) {
  const { data } = usePlayback(content);
  if (!data) return <Nothing />;
  return <Image src={data.poster_url} alt="" fit="cover" loading="lazy" />;
}

function Duration({ milliseconds }: { milliseconds: number }) {
  return (
    <Badge pos="absolute" bottom={8} right={8} radius="sm" color="dark.9" c="white" tt="none">
      {playTime(milliseconds)}
    </Badge>
  );
}

function Nothing() {
  return (
    <Center c="dimmed">
      <IconMovie size={36} stroke={1.2} aria-hidden />
    </Center>
  );
}
