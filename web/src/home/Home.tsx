import { Button, SimpleGrid, Skeleton, Stack, Title } from '@mantine/core';
import { IconMovie } from '@tabler/icons-react';
import { Link } from 'react-router';
import type { ServiceStatus } from '../api/types';
import { useProfile } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { PageHeader } from '../shared/PageHeader';
import { troubleFirst } from './figures';
import { Missing } from './Missing';
import { ServiceCard } from './ServiceCard';
import { Summary } from './Summary';
import { useRateHistory, useSystemOverview } from './use-system-overview';

const COLUMNS = { base: 1, sm: 2, lg: 3 };

/** What runs, and how it fares. */
export function Home() {
  const { organisation } = useProfile();
  const { data, error, refetch } = useSystemOverview();
  return (
    <>
      <PageHeader
        title="Home"
        description={`What runs for ${organisation}, and how it fares.`}
        actions={
          <Button component={Link} to="/media" leftSection={<IconMovie size={18} stroke={1.6} aria-hidden />}>
            Open media
          </Button>
        }
      />
      <Stack gap="xl">
        {error && <ErrorNotice error={error} retry={() => void refetch()} />}
        {data && <Missing tools={data.missing} />}
        <Summary services={data?.services} />
        {data ? <Services services={data.services} /> : !error && <ServicesSkeleton />}
      </Stack>
    </>
  );
}

function Services({ services }: { services: ServiceStatus[] }) {
  const history = useRateHistory();
  return (
    <Stack gap="sm" component="section" aria-labelledby="services">
      <Title order={2} size="h4" id="services">
        Services
      </Title>
      <SimpleGrid cols={COLUMNS}>
        {troubleFirst(services).map((service) => (
          <ServiceCard key={service.name} service={service} rates={history.get(service.name) ?? []} />
        ))}
      </SimpleGrid>
    </Stack>
  );
}

function ServicesSkeleton() {
  return (
    <Stack gap="sm" aria-busy="true" aria-label="Loading services">
      <Skeleton h={25} w={110} />
      <SimpleGrid cols={COLUMNS}>
        {['a', 'b', 'c', 'd', 'e', 'f'].map((key) => (
          <Skeleton key={key} h={188} radius="lg" />
        ))}
      </SimpleGrid>
    </Stack>
  );
}
