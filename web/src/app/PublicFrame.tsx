import { Box, Card, Center, Group, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { usePageTitle } from '../shared/use-page-title';
import { ColorSchemeToggle } from './ColorSchemeToggle';
import { Wordmark } from './Wordmark';

interface Props {
  title: string;
  description?: ReactNode;
  children: ReactNode;
  /** The other ways, below the card. */
  footer?: ReactNode;
}

/** The frame of the pages that need no session: one card in the middle. */
export function PublicFrame({ title, description, children, footer }: Props) {
  usePageTitle(title);
  return (
    <Box
      mih="100dvh"
      style={{
        background:
          'radial-gradient(70rem 34rem at 50% -12rem, color-mix(in srgb, var(--mantine-color-nexus-5) 24%, transparent), transparent) var(--nexus-canvas)',
      }}
    >
      <Group component="header" justify="space-between" px={{ base: 'md', sm: 'xl' }} py="md">
        <Link to="/" aria-label="Nexus COS, home" style={{ color: 'inherit', textDecoration: 'none' }}>
          <Wordmark />
        </Link>
        <ColorSchemeToggle />
      </Group>
      <Center component="main" px="md" pt={{ base: 'md', sm: 48 }} pb="xl">
        <Stack w="100%" maw={440} gap="lg">
          <Card p={{ base: 'lg', sm: 32 }} shadow="sm">
            <Stack gap="lg">
              <Stack gap={6}>
                <Title order={1} size="h2">
                  {title}
                </Title>
                {description && <Text c="dimmed">{description}</Text>}
              </Stack>
              {children}
            </Stack>
          </Card>
          {footer && (
            <Text size="sm" c="dimmed" ta="center" component="div">
              {footer}
            </Text>
          )}
        </Stack>
      </Center>
    </Box>
  );
}
