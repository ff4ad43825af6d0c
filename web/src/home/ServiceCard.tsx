import { Badge, Box, Card, Group, List, Stack, Text, Title } from '@mantine/core';
import type { ServiceStatus } from '../api/types';
import { latency, rate } from '../shared/format';
import { Sparkline } from './Sparkline';

interface Props {
  service: ServiceStatus;
  /** The last request rates, oldest first. */
  rates: number[];
}

/** One service: whether it is well, and its last minute. */
export function ServiceCard({ service, rates }: Props) {
  const { name, domain, purpose, status, checks, stats } = service;
  const failing = checks.filter(({ ok }) => !ok);
  return (
    <Card component="article" aria-label={name}>
      <Stack gap="sm" h="100%" justify="space-between">
        <Box>
          <Text size="xs" c="dimmed" tt="capitalize">
            {domain}
          </Text>
          <Group justify="space-between" wrap="nowrap" gap="xs">
            <Title order={3} size="h5" lineClamp={1} title={name}>
              {name}
            </Title>
            <Badge variant="light" color={status === 'up' ? 'teal' : 'red'} style={{ flexShrink: 0 }}>
              {status}
            </Badge>
          </Group>
          <Text size="sm" c="dimmed" mt={2} lineClamp={2} mih={42}>
            {purpose}
          </Text>
        </Box>
        {failing.length > 0 && (
          <List size="sm" spacing={4} c="red" listStyleType="none">
            {failing.map((check) => (
              <List.Item key={check.name}>
                <Text span fw={600} inherit>
                  {check.name}
                </Text>
                : {check.error}
              </List.Item>
            ))}
          </List>
        )}
        <Group justify="space-between" align="flex-end" wrap="nowrap" gap="md">
          <Group gap="lg" wrap="nowrap">
            <Measure label="req/s" value={rate(stats.requests_per_second)} />
            <Measure label="p99" value={stats.p99_ms > 0 ? latency(stats.p99_ms) : '–'} />
            {stats.error_rate > 0 && (
              <Measure label="failed" value={`${(stats.error_rate * 100).toFixed(1)} %`} color="red" />
            )}
          </Group>
          <Sparkline values={rates} />
        </Group>
      </Stack>
    </Card>
  );
}

function Measure({ label, value, color }: { label: string; value: string; color?: string }) {
  return (
    <Box>
      <Text fw={600} c={color} style={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>
        {value}
      </Text>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
    </Box>
  );
}
