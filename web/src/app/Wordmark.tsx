import { Group, Text } from '@mantine/core';

/** Six services around one kernel. The same drawing is public/favicon.svg. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" fill="var(--mantine-color-nexus-7)" />
      <g stroke="#fff" strokeWidth="1.6" strokeOpacity="0.55" strokeLinecap="round">
        <path d="M16 16 16 6.5M16 16 24.2 11.2M16 16 24.2 20.8M16 16 16 25.5M16 16 7.8 20.8M16 16 7.8 11.2" />
      </g>
      <g fill="#fff">
        <circle cx="16" cy="16" r="3.6" />
        <circle cx="16" cy="6.5" r="1.9" />
        <circle cx="24.2" cy="11.2" r="1.9" />
        <circle cx="24.2" cy="20.8" r="1.9" />
        <circle cx="16" cy="25.5" r="1.9" />
        <circle cx="7.8" cy="20.8" r="1.9" />
        <circle cx="7.8" cy="11.2" r="1.9" />
      </g>
    </svg>
  );
}

/** The product's name with its sign. */
export function Wordmark({ size = 28 }: { size?: number }) {
  return (
    <Group gap={10} wrap="nowrap">
      <Mark size={size} />
      <Text component="span" fw={700} fz={size * 0.62} lh={1} lts="-0.01em" style={{ whiteSpace: 'nowrap' }}>
        Nexus{' '}
        <Text component="span" inherit fw={500} c="dimmed">
          COS
        </Text>
      </Text>
    </Group>
  );
}
