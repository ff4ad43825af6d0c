import { Anchor, Button, Code, CopyButton, Group, Stack, Text, Title } from '@mantine/core';
import type { Application } from '../api/types';
import { exampleOf } from './example';

/** A program that works with this application as it is. */
export function Example({ application }: { application: Application }) {
  const { title, text } = exampleOf(application, location.origin);
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Title order={3} size="h5">
          {title}
        </Title>
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button size="compact-xs" variant="subtle" onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </Group>
      <Code block>{text}</Code>
      <Text size="sm" c="dimmed">
        Everything else a client library finds at{' '}
        <Anchor href="/.well-known/openid-configuration" inherit>
          {location.origin}/.well-known/openid-configuration
        </Anchor>
        .
      </Text>
    </Stack>
  );
}
