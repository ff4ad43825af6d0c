import { Box, Button, Container, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconMovieOff } from '@tabler/icons-react';
import { Link, useLocation, useParams } from 'react-router';
import { Problem } from '../../api/problem';
import type { Content } from '../../api/types';
import { ColorSchemeToggle } from '../../app/ColorSchemeToggle';
import { Wordmark } from '../../app/Wordmark';
import { useSession } from '../../session/use-session';
import { EmptyState } from '../../shared/EmptyState';
import { ErrorNotice } from '../../shared/ErrorNotice';
import { ago } from '../../shared/format';
import { usePageTitle } from '../../shared/use-page-title';
import { useContent } from '../content/queries';
import { Film } from '../player/Film';

/** A film and nothing else, for whoever has its link. Needs no session when the film is public. */
export function WatchPage() {
  const { id = '' } = useParams();
  const session = useSession();
  return (
    <Box mih="100dvh" bg="var(--nexus-canvas)">
      <Group component="header" justify="space-between" px={{ base: 'md', sm: 'xl' }} py="md">
        <Link to="/" aria-label="Nexus COS, home" style={{ color: 'inherit', textDecoration: 'none' }}>
          <Wordmark />
        </Link>
        <ColorSchemeToggle />
      </Group>
      <Container component="main" size="lg" pb="xl" px={{ base: 'md', sm: 'xl' }}>
        {/* Who asks decides what there is to see: the question waits until that is known. */}
        {session.status === 'starting' && !session.problem ? <Loading /> : <Watch id={id} />}
      </Container>
    </Box>
  );
}

function Watch({ id }: { id: string }) {
  const { data, error, refetch } = useContent(id);
  usePageTitle(data?.body.title ?? 'Watch');
  if (data) return <Watched content={data.body} />;
  if (error instanceof Problem && error.status === 404) return <NotToBeSeen />;
  if (error) return <ErrorNotice error={error} retry={() => void refetch()} />;
  return <Loading />;
}

function Watched({ content }: { content: Content }) {
  const date = content.published_at ?? content.created_at;
  return (
    <Stack gap="lg" component="article">
      {content.media?.state === 'ready' ? <Film content={content} /> : <NotReady />}
      <Stack gap="xs">
        <Title order={1} style={{ overflowWrap: 'anywhere' }}>
          {content.title}
        </Title>
        <Text c="dimmed" size="sm">
          {content.status === 'published' ? 'Published' : 'Draft, added'} {ago(date)}
        </Text>
        {content.description && (
          <Text maw={760} style={{ whiteSpace: 'pre-line', overflowWrap: 'anywhere' }}>
            {content.description}
          </Text>
        )}
      </Stack>
    </Stack>
  );
}

function NotReady() {
  return <EmptyState icon={IconMovieOff} title="This film can't be played yet" />;
}

/** Whether there is no such film, or it is not for this person, looks the same from outside. */
function NotToBeSeen() {
  const { pathname } = useLocation();
  const signedOut = useSession().status === 'signed-out';
  return (
    <EmptyState
      icon={IconMovieOff}
      title="This film is not available"
      action={
        signedOut && (
          <Button component={Link} to="/sign-in" state={{ from: pathname }} variant="light">
            Sign in
          </Button>
        )
      }
    >
      It may be gone, or not published for you.{signedOut && ' If you have an account, sign in to see it.'}
    </EmptyState>
  );
}

function Loading() {
  return (
    <Stack gap="lg" aria-busy="true" aria-label="Loading">
      <Skeleton radius="lg" style={{ aspectRatio: '16 / 9' }} />
      <Skeleton h={34} w="60%" />
    </Stack>
  );
}
