import { Center, Loader } from '@mantine/core';

/** While it is not known who asks. */
export function Splash() {
  return (
    <Center mih="100dvh" bg="var(--nexus-canvas)" role="status" aria-label="Loading">
      <Loader type="dots" />
    </Center>
  );
}
