import { Badge, Box, Button, Card, Group, Skeleton, Stack, Text } from '@mantine/core';
import { IconApps } from '@tabler/icons-react';
import { useState } from 'react';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { Application } from '../api/types';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { day } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { PageHeader } from '../shared/PageHeader';
import { ApiTokens } from '../tokens/ApiTokens';
import { ApplicationDrawer } from './ApplicationDrawer';
import { applicationsKey } from './definition';

/** The programs that people of the organisation can sign in to, or that act for themselves. */
export function Applications() {
  const applications = usePages<Application>(applicationsKey, (cursor) =>
    call(api.GET('/api/auth/v2/applications', { params: { query: { cursor } } })),
  );
  const [open, setOpen] = useState<Application | 'new' | null>(null);
  const make = <Button onClick={() => setOpen('new')}>New application</Button>;
  return (
    <>
      <PageHeader
        title="Applications"
        description="Programs that people sign in to with their account here (OpenID Connect), and programs that use the API."
        actions={make}
      />
      <Stack gap="lg" maw={960}>
        {applications.error && <ErrorNotice error={applications.error} retry={() => void applications.refetch()} />}
        {applications.isPending && <Skeleton h={180} radius="lg" aria-label="Loading applications" />}
        {applications.items?.length === 0 && (
          <EmptyState icon={IconApps} title="No applications yet" action={make}>
            Make one for each program; it gets a client id, and an example that works.
          </EmptyState>
        )}
        {applications.items && applications.items.length > 0 && (
          <Card component="ul" m={0} py={0} style={{ listStyle: 'none' }}>
            {applications.items.map((application, at) => (
              <Row
                key={application.client_id}
                application={application}
                first={at === 0}
                onOpen={() => setOpen(application)}
              />
            ))}
          </Card>
        )}
        <LoadMore pages={applications} />
        <ApiTokens kind="service" title="Service tokens">
          For programs without OAuth, such as a directory's SCIM client or Vault's command line.
        </ApiTokens>
      </Stack>
      {open && <ApplicationDrawer application={open === 'new' ? null : open} onClose={() => setOpen(null)} />}
    </>
  );
}

function Row({ application, first, onOpen }: { application: Application; first: boolean; onOpen: () => void }) {
  return (
    <Group
      component="li"
      justify="space-between"
      py="md"
      gap="sm"
      style={first ? undefined : { borderTop: '1px solid var(--mantine-color-default-border)' }}
    >
      <Box miw={0} flex="1 1 260px">
        <Group gap="xs">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {application.name}
          </Text>
          {application.token_endpoint_auth_method === 'none' && <Badge variant="light">Public</Badge>}
        </Group>
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {application.client_id} · since {day(application.created_at)}
        </Text>
      </Box>
      <Button variant="default" size="xs" onClick={onOpen} aria-label={`Open ${application.name}`}>
        Open
      </Button>
    </Group>
  );
}
