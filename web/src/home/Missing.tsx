import { Alert, Stack, Text } from '@mantine/core';
import { IconTool } from '@tabler/icons-react';
import type { MissingTool } from '../api/types';

/** What this machine lacks, what does not work without it, and how to get it. */
export function Missing({ tools }: { tools: MissingTool[] }) {
  return tools.map(({ name, detail, fix }) => (
    <Alert key={name} color="orange" icon={<IconTool aria-hidden />} title={`${name} is missing`}>
      <Stack gap="xs">
        <Text size="sm">{detail}</Text>
        <Text size="sm" c="dimmed">
          {fix}
        </Text>
      </Stack>
    </Alert>
  ));
}
