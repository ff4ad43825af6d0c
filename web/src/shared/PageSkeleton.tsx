import { SimpleGrid, Skeleton, Stack } from '@mantine/core';

/** Stands for a page whose code is still loading. */
export function PageSkeleton() {
  return (
    <Stack gap="xl" aria-busy="true" aria-label="Loading">
      <Stack gap="sm">
        <Skeleton h={34} w={220} />
        <Skeleton h={18} w="min(420px, 80%)" />
      </Stack>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Skeleton h={180} radius="lg" />
        <Skeleton h={180} radius="lg" />
      </SimpleGrid>
    </Stack>
  );
}
