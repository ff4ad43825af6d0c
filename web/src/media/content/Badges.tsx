import { Badge, Group } from '@mantine/core';
import type { Content } from '../../api/types';
import { STATUSES, VISIBILITIES } from './labels';

/** Whether an item is out, and for whom. */
export function Badges({ content }: { content: Content }) {
  const status = STATUSES[content.status];
  const { label, icon: Icon } = VISIBILITIES[content.visibility];
  return (
    <Group gap={6} wrap="nowrap">
      <Badge variant="light" color={status.color}>
        {status.label}
      </Badge>
      <Badge variant="default" leftSection={<Icon size={12} aria-hidden />}>
        {label}
      </Badge>
    </Group>
  );
}
