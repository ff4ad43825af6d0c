import { Table } from '@mantine/core';
import type { ReactNode } from 'react';

interface Props {
  /** What the table is of, for who can't see it. */
  label: string;
  /** Narrower than this, it scrolls sideways; in pixels. */
  minWidth: number;
  /** The names of the columns. */
  columns: string[];
  /** Its rows. */
  children: ReactNode;
}

/** A table that scrolls sideways where it does not fit, by the keyboard as well. */
export function ScrollingTable({ label, minWidth, columns, children }: Props) {
  return (
    <Table.ScrollContainer minWidth={minWidth} type="native" tabIndex={0} role="region" aria-label={label}>
      <Table verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
