import { SimpleGrid, Stack } from '@mantine/core';
import { PageHeader } from '../shared/PageHeader';
import { ApiTokens } from '../tokens/ApiTokens';
import { ConnectedApplicationsCard } from './ConnectedApplicationsCard';
import { PasswordCard } from './PasswordCard';
import { ProfileCard } from './ProfileCard';
import { SecondFactorCard } from './SecondFactorCard';
import { SessionsCard } from './SessionsCard';

/** The signed-in person's own account. */
export function Account() {
  return (
    <>
      <PageHeader title="Account" description="Who you are here, and where you are signed in." />
      <Stack gap="lg" maw={960}>
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <ProfileCard />
          <PasswordCard />
        </SimpleGrid>
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <SecondFactorCard />
          <ConnectedApplicationsCard />
        </SimpleGrid>
        <ApiTokens kind="personal" title="Personal access tokens">
          For your own scripts: they act as you, as far as you let them.
        </ApiTokens>
        <SessionsCard />
      </Stack>
    </>
  );
}
