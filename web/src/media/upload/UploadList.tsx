import { Card, Divider, Stack } from '@mantine/core';
import { Fragment } from 'react';
import type { UploadRow } from './rows';
import { UploadItem } from './UploadItem';

/** The uploads that are not through. */
export function UploadList({ rows }: { rows: readonly UploadRow[] }) {
  return (
    <Card p={{ base: 'sm', sm: 'md' }}>
      <Stack gap="sm" component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
        {rows.map((row, index) => (
          <Fragment key={row.key}>
            {index > 0 && <Divider component="li" role="presentation" />}
            <UploadItem row={row} />
          </Fragment>
        ))}
      </Stack>
    </Card>
  );
}
