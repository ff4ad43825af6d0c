import { Skeleton, Stack, Table, Text } from '@mantine/core';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { KeyUse } from '../api/types';
import { ErrorNotice } from '../shared/ErrorNotice';
import { moment } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { ScrollingTable } from '../shared/ScrollingTable';

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
        <ScrollingTable
          label="Uses of keys and secrets"
          minWidth={640}
          columns={['When', 'What', 'With', 'By', 'Outcome']}
        >
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
        </ScrollingTable>
      )}
      <LoadMore pages={uses} />
    </Stack>
  );
}
