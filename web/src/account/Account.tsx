import { SimpleGrid, Stack } from '@mantine/core';
import { PageHeader } from '../shared/PageHeader';
import { PasswordCard } from './PasswordCard';
import { ProfileCard } from './ProfileCard';
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
        <SessionsCard />
      </Stack>
    </>
  );
}
