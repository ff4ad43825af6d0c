import { Anchor, Grid, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconArrowLeft, IconMovieOff } from '@tabler/icons-react';
import { Link, useParams } from 'react-router';
import { Problem } from '../../api/problem';
import type { Content } from '../../api/types';
import { mayActAs, useProfile } from '../../session/use-session';
import { EmptyState } from '../../shared/EmptyState';
import { ErrorNotice } from '../../shared/ErrorNotice';
import { moment, playTime } from '../../shared/format';
import { usePageTitle } from '../../shared/use-page-title';
import { useContent, type VersionedContent } from '../content/queries';
import { DeleteButton } from './DeleteButton';
import { DetailsForm } from './DetailsForm';
import { MediaPanel } from './MediaPanel';
import { PublishCard } from './PublishCard';

/** One item: its film, what is said about it, and whether it is out. */
export function ItemPage() {
  const { id = '' } = useParams();
  const { data, error, refetch } = useContent(id);
  usePageTitle(data?.body.title ?? 'Media');
  return (
    <Stack gap="lg">
      <Anchor component={Link} to="/media" size="sm" fw={500} w="fit-content">
        <Group gap={6} component="span">
          <IconArrowLeft size={16} aria-hidden /> All media
        </Group>
      </Anchor>
      {data ? <Item content={data} /> : <Absent error={error} retry={() => void refetch()} />}
    </Stack>
  );
}

function Item({ content }: { content: VersionedContent }) {
  const editor = mayActAs(useProfile().roles, 'editor');
  const { body } = content;
  return (
    <>
      <Group justify="space-between" align="flex-start" gap="md">
        <Stack gap={4} style={{ flex: '1 1 260px', minWidth: 0 }}>
          <Title order={1} style={{ overflowWrap: 'anywhere' }}>
            {body.title}
          </Title>
          <Facts content={body} />
        </Stack>
        {editor && <DeleteButton content={content} />}
      </Group>
      <Grid gap="xl">
        <Grid.Col span={{ base: 12, lg: 8 }}>
          <MediaPanel content={body} editor={editor} />
          {!editor && body.description && (
            <Text mt="md" style={{ whiteSpace: 'pre-line', overflowWrap: 'anywhere' }}>
              {body.description}
            </Text>
          )}
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 4 }}>
          <Stack gap="lg">
            <PublishCard content={body} editor={editor} />
            {editor && <DetailsForm content={content} />}
          </Stack>
        </Grid.Col>
      </Grid>
    </>
  );
}

/** When it came, how long it plays, how sharp it is at best. */
function Facts({ content: { created_at, media } }: { content: Content }) {
  const facts = [
    `Added ${moment(created_at)}`,
    media?.duration_ms != null && playTime(media.duration_ms),
    media?.height != null && `up to ${media.height}p`,
  ];
  return (
    <Text size="sm" c="dimmed">
      {facts.filter(Boolean).join(' · ')}
    </Text>
  );
}

function Absent({ error, retry }: { error: Error | null; retry: () => void }) {
  if (error instanceof Problem && error.status === 404) {
    return (
      <EmptyState icon={IconMovieOff} title="There is no such film">
        It may have been deleted, or it is not published for you.
      </EmptyState>
    );
  }
  if (error) return <ErrorNotice error={error} retry={retry} />;
  return <Skeleton radius="lg" style={{ aspectRatio: '16 / 9', maxWidth: 900 }} aria-label="Loading" />;
}
