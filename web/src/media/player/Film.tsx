import { AspectRatio, Skeleton } from '@mantine/core';
import type { Content } from '../../api/types';
import { ErrorNotice } from '../../shared/ErrorNotice';
import { usePlayback } from '../content/queries';
import { Player } from './Player';

/** An item's film, whose media is ready. */
export function Film({ content }: { content: Content }) {
  const { data, error, refetch } = usePlayback(content);
  if (data) return <Player title={content.title} playback={data} onRetry={() => void refetch()} />;
  if (error) return <ErrorNotice error={error} retry={() => void refetch()} />;
  return (
    <AspectRatio ratio={16 / 9}>
      <Skeleton radius="lg" />
    </AspectRatio>
  );
}
