import { Alert, Box, Button, Group, Kbd, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { type KeyboardEvent, useRef } from 'react';
import type { Playback } from '../../api/types';
import { QualityMenu } from './QualityMenu';
import { apply, shortcutOf } from './shortcuts';
import { useEngine } from './use-engine';

interface Props {
  title: string;
  playback: Playback;
  /** Gets the address anew: a signed one ends. */
  onRetry: () => void;
}

/** A film that plays: the browser's own controls, video sites' keys, and the choice of quality. */
export function Player({ title, playback, onRetry }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const { ready, qualities, chosen, playing, failure, choose } = useEngine(video, playback.hls_url);

  function onKeyDown(event: KeyboardEvent<HTMLVideoElement>) {
    const shortcut = shortcutOf(event);
    if (!shortcut || !ready) return;
    event.preventDefault();
    apply(shortcut, event.currentTarget);
  }

  return (
    <Stack gap="xs">
      <Box bg="black" bdrs="lg" style={{ overflow: 'hidden', aspectRatio: '16 / 9' }}>
        {/* biome-ignore lint/a11y/useMediaCaption: films come without captions */}
        <video
          ref={video}
          aria-label={title}
          poster={playback.poster_url}
          // Before that, a click on play would be forgotten.
          controls={ready}
          tabIndex={0}
          playsInline
          onKeyDown={onKeyDown}
          style={{ width: '100%', height: '100%', display: 'block' }}
        />
      </Box>
      {failure && (
        <Alert role="alert" color="red" icon={<IconAlertTriangle aria-hidden />} title="The film does not play">
          <Stack gap="xs" align="flex-start">
            <Text size="sm">{failure}</Text>
            <Button size="xs" variant="light" color="gray" onClick={onRetry}>
              Try again
            </Button>
          </Stack>
        </Alert>
      )}
      <Group justify="space-between" gap="xs" mih={26}>
        <Text size="xs" c="dimmed" visibleFrom="sm">
          <Kbd size="xs">Space</Kbd> play or pause · <Kbd size="xs">J</Kbd> <Kbd size="xs">L</Kbd> 10 s back or on ·{' '}
          <Kbd size="xs">F</Kbd> full screen · <Kbd size="xs">M</Kbd> mute
        </Text>
        {qualities.length > 1 && (
          <QualityMenu qualities={qualities} chosen={chosen} playing={playing} onChoose={choose} />
        )}
      </Group>
    </Stack>
  );
}
