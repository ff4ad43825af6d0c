import { List, Text, ThemeIcon } from '@mantine/core';
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react';
import { isPowerful, scopeMeaning } from './scopes';

/** What an application asks for. */
export function ScopeList({ scopes }: { scopes: string[] }) {
  return (
    <List spacing="sm" center>
      {scopes.map((scope) => (
        <List.Item
          key={scope}
          icon={
            <ThemeIcon size={24} radius="xl" variant="light" color={isPowerful(scope) ? 'orange' : 'teal'}>
              {isPowerful(scope) ? <IconAlertTriangle size={14} aria-hidden /> : <IconCheck size={14} aria-hidden />}
            </ThemeIcon>
          }
        >
          <Text size="sm">{scopeMeaning(scope)}</Text>
        </List.Item>
      ))}
    </List>
  );
}
