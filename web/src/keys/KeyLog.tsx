import { Skeleton, Stack, Table, Text } from '@mantine/core';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { KeyUse } from '../api/types';
import { ErrorNotice } from '../shared/ErrorNotice';
import { moment } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';

/** Who did what with which key or secret. */
export function KeyLog() {
  const uses = usePages<KeyUse>(['keys', 'log'], (cursor) =>
    call(api.GET('/api/keys/audit', { params: { query: { cursor } } })),
  );
  return (
    <Stack gap="lg">
      {uses.error && <ErrorNotice error={uses.error} retry={() => void uses.refetch()} />}
      {uses.isPending && <Skeleton h={240} radius="lg" aria-label="Loading the log" />}
      {uses.items?.length === 0 && <Text c="dimmed">Nothing was done yet.</Text>}
      {uses.items && uses.items.length > 0 && (
        <Table.ScrollContainer minWidth={640}>
          <Table verticalSpacing="sm">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>When</Table.Th>
                <Table.Th>What</Table.Th>
                <Table.Th>With</Table.Th>
                <Table.Th>By</Table.Th>
                <Table.Th>Outcome</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {uses.items.map((use) => (
                <Table.Tr key={use.id}>
                  <Table.Td>{moment(use.at)}</Table.Td>
                  <Table.Td>
                    {use.action}
                    {use.number > 1 && ` × ${use.number}`}
                  </Table.Td>
                  <Table.Td>
                    {use.target}
                    {use.version != null && `, version ${use.version}`}
                  </Table.Td>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{use.by}</Table.Td>
                  <Table.Td>{use.outcome}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      <LoadMore pages={uses} />
    </Stack>
  );
}
