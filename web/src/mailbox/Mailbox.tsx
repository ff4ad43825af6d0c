import { Box, Button, Card, Group, NavLink, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconArrowLeft, IconInbox, IconMailOff, IconRefresh } from '@tabler/icons-react';
import { Link, useParams } from 'react-router';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import { asProblem } from '../api/problem';
import type { Mail } from '../api/types';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { ago, moment } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { PageHeader } from '../shared/PageHeader';
import { LinkedText } from './LinkedText';

/** The mails that would have been sent, while no mail server is configured. */
export function Mailbox() {
  const { id } = useParams();
  const mails = usePages<Mail>(['mailbox', 'list'], (cursor) =>
    call(api.GET('/api/users/mailbox', { params: { query: { cursor } } })),
  );
  const off = mails.error && asProblem(mails.error).code === 'mailbox-off';
  return (
    <>
      <PageHeader
        title="Mailbox"
        description="What would have been sent: no mail server is configured."
        actions={
          <Button
            variant="default"
            leftSection={<IconRefresh size={18} stroke={1.6} aria-hidden />}
            loading={mails.isRefetching}
            onClick={() => void mails.refetch()}
          >
            Refresh
          </Button>
        }
      />
      {off && (
        <EmptyState icon={IconMailOff} title="The mailbox is off">
          A mail server is configured, so that mails go out through it.
        </EmptyState>
      )}
      {mails.error && !off && <ErrorNotice error={mails.error} retry={() => void mails.refetch()} />}
      {mails.isPending && <Skeleton h={320} radius="lg" aria-label="Loading mails" />}
      {mails.items?.length === 0 && (
        <EmptyState icon={IconInbox} title="No mail yet">
          When somebody registers, the mail with their link is here.
        </EmptyState>
      )}
      {mails.items && mails.items.length > 0 && (
        <Group align="flex-start" gap="lg" wrap="nowrap">
          {/* A narrow screen shows the list or a mail. */}
          <Box flex={{ base: '1 1 100%', md: '0 0 340px' }} miw={0} visibleFrom={id ? 'md' : undefined}>
            <MailList mails={mails.items} current={id} />
            <LoadMore pages={mails} />
          </Box>
          <Box flex={1} miw={0} visibleFrom={id ? undefined : 'md'}>
            <Reading mail={mails.items.find((mail) => mail.id === id)} />
          </Box>
        </Group>
      )}
    </>
  );
}

function MailList({ mails, current }: { mails: Mail[]; current: string | undefined }) {
  return (
    <Card p={6} component="nav" aria-label="Mails">
      {mails.map((mail) => (
        <NavLink
          key={mail.id}
          component={Link}
          to={`/mailbox/${mail.id}`}
          active={mail.id === current}
          aria-current={mail.id === current ? 'true' : undefined}
          label={
            <Group justify="space-between" wrap="nowrap" gap="xs">
              <Text fw={600} size="sm" truncate>
                {mail.subject}
              </Text>
              <Text size="xs" c="dimmed" style={{ flexShrink: 0 }}>
                {ago(mail.created_at)}
              </Text>
            </Group>
          }
          description={mail.to}
          style={{ borderRadius: 'var(--mantine-radius-md)' }}
        />
      ))}
    </Card>
  );
}

function Reading({ mail }: { mail: Mail | undefined }) {
  if (!mail) return <EmptyState icon={IconInbox} title="Choose a mail to read it" />;
  return (
    <Card component="article" aria-label={mail.subject}>
      <Button
        component={Link}
        to="/mailbox"
        variant="subtle"
        size="compact-sm"
        hiddenFrom="md"
        mb="sm"
        style={{ alignSelf: 'flex-start' }}
        leftSection={<IconArrowLeft size={16} aria-hidden />}
      >
        All mails
      </Button>
      <Title order={2} size="h3">
        {mail.subject}
      </Title>
      <Stack gap={2} mt={4} mb="lg">
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          To {mail.to}
        </Text>
        <Text size="sm" c="dimmed">
          {moment(mail.created_at)}
        </Text>
      </Stack>
      <LinkedText text={mail.text} />
    </Card>
  );
}
