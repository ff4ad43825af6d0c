import { Alert, Button, Code, Group, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { asProblem } from '../api/problem';

interface Props {
  error: unknown;
  /** Tries again what failed. */
  retry?: () => void;
}

/** What went wrong, what to do, and the request's id for whoever reads the log. */
export function ErrorNotice({ error, retry }: Props) {
  const problem = asProblem(error);
  return (
    <Alert
      role="alert"
      color={problem.status === 0 || problem.status >= 500 ? 'red' : 'orange'}
      icon={<IconAlertTriangle aria-hidden />}
      title={problem.title}
    >
      <Stack gap="xs" align="flex-start">
        {problem.message !== problem.title && <Text size="sm">{problem.message}</Text>}
        {problem.requestId && (
          <Text size="xs" c="dimmed">
            Request <Code>{problem.requestId}</Code>
          </Text>
        )}
        {retry && (
          <Group>
            <Button size="xs" variant="light" color="gray" onClick={retry}>
              Try again
            </Button>
          </Group>
        )}
      </Stack>
    </Alert>
  );
}
