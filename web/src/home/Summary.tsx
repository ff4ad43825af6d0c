import { Card, Group, SimpleGrid, Skeleton, Text, ThemeIcon } from '@mantine/core';
import {
  IconActivity,
  IconAlertCircle,
  IconAlertTriangle,
  IconCircleCheck,
  IconGauge,
  type IconProps,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';
import type { ServiceStatus } from '../api/types';
import { latency, rate } from '../shared/format';
import { totalsOf } from './figures';

/** The whole in four numbers. */
export function Summary({ services }: { services: ServiceStatus[] | undefined }) {
  const totals = services && totalsOf(services);
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }}>
      <Figure
        label="Services up"
        value={totals && `${totals.up} of ${totals.up + totals.down}`}
        icon={totals && totals.down > 0 ? IconAlertTriangle : IconCircleCheck}
        color={totals && totals.down > 0 ? 'red' : 'teal'}
      />
      <Figure
        label="Requests"
        value={totals && rate(totals.requestsPerSecond)}
        unit="per second"
        icon={IconActivity}
        color="nexus"
      />
      <Figure label="Slowest p99" value={totals && latency(totals.p99)} icon={IconGauge} color="nexus" />
      <Figure
        label="Failed"
        value={totals && `${(totals.errorRate * 100).toFixed(totals.errorRate === 0 ? 0 : 1)} %`}
        unit="of requests"
        icon={IconAlertCircle}
        color={totals && totals.errorRate > 0.01 ? 'red' : 'gray'}
      />
    </SimpleGrid>
  );
}

interface FigureProps {
  label: string;
  value: string | undefined;
  unit?: string;
  icon: ComponentType<IconProps>;
  color: string;
}

function Figure({ label, value, unit, icon: Icon, color }: FigureProps) {
  return (
    <Card p={{ base: 'md', sm: 'lg' }}>
      <Group justify="space-between" align="flex-start" wrap="nowrap" gap="xs">
        <Text size="sm" c="dimmed" fw={500}>
          {label}
        </Text>
        <ThemeIcon variant="light" color={color} size={32} radius="md" visibleFrom="xs">
          <Icon size={18} stroke={1.7} aria-hidden />
        </ThemeIcon>
      </Group>
      {value === undefined ? (
        <Skeleton h={26} w={80} mt={6} mb={6} />
      ) : (
        <Group gap={6} align="baseline" mt={4}>
          <Text fz={26} lh="38px" fw={650} style={{ fontVariantNumeric: 'tabular-nums' }}>
            {value}
          </Text>
          {unit && (
            <Text size="xs" c="dimmed" visibleFrom="xs">
              {unit}
            </Text>
          )}
        </Group>
      )}
    </Card>
  );
}
