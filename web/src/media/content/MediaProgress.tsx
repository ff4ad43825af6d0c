import { Progress, Stack, Text } from '@mantine/core';
import { percent } from '../../shared/format';

interface Props {
  /** From 0 to 1. */
  progress: number;
  label: string;
}

/** How far an item's media is on its way to something that plays. */
export function MediaProgress({ progress, label }: Props) {
  const waiting = progress === 0;
  return (
    <Stack gap={6} w="100%">
      <Text size="sm" fw={500} ta="center">
        {waiting ? 'Waiting to be made ready' : `Making it ready · ${percent(progress)}`}
      </Text>
      <Progress.Root size="md" radius="xl">
        <Progress.Section
          value={waiting ? 100 : progress * 100}
          animated={waiting}
          striped={waiting}
          color={waiting ? 'gray' : undefined}
          withAria={false}
          role="progressbar"
          aria-label={label}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(progress * 100)}
        />
      </Progress.Root>
    </Stack>
  );
}
