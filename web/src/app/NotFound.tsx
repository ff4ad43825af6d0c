import { Button } from '@mantine/core';
import { IconMapPinQuestion } from '@tabler/icons-react';
import { Link } from 'react-router';
import { EmptyState } from '../shared/EmptyState';
import { PageHeader } from '../shared/PageHeader';

export function NotFound() {
  return (
    <>
      <PageHeader title="Not found" />
      <EmptyState
        icon={IconMapPinQuestion}
        title="There is no such page"
        action={
          <Button component={Link} to="/" variant="light">
            Go home
          </Button>
        }
      >
        The address may be mistyped, or what was here is gone.
      </EmptyState>
    </>
  );
}
