import { Badge, Button, Group, Select, Skeleton, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconDownload, IconShieldCheck } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, call } from '../api/client';
import { usePages } from '../api/pages';
import type { SignInEvent } from '../api/types';
import { peopleKey } from '../people/roles';
import { EmptyState } from '../shared/EmptyState';
import { ErrorNotice } from '../shared/ErrorNotice';
import { moment } from '../shared/format';
import { LoadMore } from '../shared/LoadMore';
import { notifyProblem } from '../shared/notify';
import { PageHeader } from '../shared/PageHeader';
import { ScrollingTable } from '../shared/ScrollingTable';
import { ACTIONS, type Filter, NO_FILTER, OUTCOME_COLOR, OUTCOMES, queryOf } from './filter';
import { save } from './save';

/** Who signed in, how and from where, and how it went. */
export function Audit() {
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [wanted] = useDebouncedValue(filter, 300);
  const query = queryOf(wanted);
  const events = usePages<SignInEvent>(['audit', query], (cursor) =>
    call(api.GET('/api/auth/audit', { params: { query: { ...query, cursor } } })),
  );
  const people = useQuery({
    queryKey: [...peopleKey, 'first'],
    queryFn: () => call(api.GET('/api/users', { params: { query: { limit: 200 } } })),
  });
  const names = new Map(people.data?.items.map(({ id, name }) => [id, name]));
  return (
    <>
      <PageHeader
        title="Sign-in log"
        description="Who signed in, how and from where, and what they changed of it."
        actions={<ExportButton filter={filter} />}
      />
      <Stack gap="lg">
        <Filters
          filter={filter}
          people={people.data?.items.map(({ id, name, email }) => ({ value: id, label: `${name} (${email})` })) ?? []}
          onChange={setFilter}
        />
        {events.error && <ErrorNotice error={events.error} retry={() => void events.refetch()} />}
        {events.isPending && <Skeleton h={280} radius="lg" aria-label="Loading the log" />}
        {events.items?.length === 0 && (
          <EmptyState icon={IconShieldCheck} title="Nothing like that">
            Nothing in the log fits what you look for.
          </EmptyState>
        )}
        {events.items && events.items.length > 0 && <Events events={events.items} names={names} />}
        <LoadMore pages={events} />
      </Stack>
    </>
  );
}

interface FiltersProps {
  filter: Filter;
  people: { value: string; label: string }[];
  onChange: (filter: Filter) => void;
}

function Filters({ filter, people, onChange }: FiltersProps) {
  const set = (change: Partial<Filter>) => onChange({ ...filter, ...change });
  return (
    <Group align="flex-end">
      <Select
        label="Person"
        placeholder="Everybody"
        searchable
        clearable
        data={people}
        value={filter.user}
        onChange={(user) => set({ user })}
        w={240}
      />
      <Select
        label="Action"
        placeholder="All"
        clearable
        data={ACTIONS}
        value={filter.action}
        onChange={(action) => set({ action: action as Filter['action'] })}
        w={220}
      />
      <Select
        label="Outcome"
        placeholder="All"
        clearable
        data={OUTCOMES}
        value={filter.outcome}
        onChange={(outcome) => set({ outcome: outcome as Filter['outcome'] })}
        w={180}
      />
      <TextInput
        label="Address"
        placeholder="203.0.113.7"
        value={filter.address}
        onChange={({ currentTarget }) => set({ address: currentTarget.value })}
        maxLength={45}
        w={180}
      />
    </Group>
  );
}

function Events({ events, names }: { events: SignInEvent[]; names: Map<string, string> }) {
  return (
    <ScrollingTable label="Sign-ins" minWidth={760} columns={['When', 'Who', 'What', 'Outcome', 'From']}>
      {events.map((event) => (
        <Table.Tr key={event.id}>
          <Table.Td>{moment(event.happened_at)}</Table.Td>
          <Table.Td>{names.get(event.user_id) ?? event.user_id}</Table.Td>
          <Table.Td>
            {event.action.replaceAll('-', ' ')}
            {event.method && (
              <Text span inherit c="dimmed">
                {' '}
                by {event.method.replaceAll('-', ' ')}
              </Text>
            )}
          </Table.Td>
          <Table.Td>
            <Badge variant="light" color={OUTCOME_COLOR[event.outcome]}>
              {event.outcome.replaceAll('-', ' ')}
            </Badge>
          </Table.Td>
          <Table.Td>
            {event.device}
            <Text span inherit c="dimmed">
              {' '}
              {event.address}
            </Text>
          </Table.Td>
        </Table.Tr>
      ))}
    </ScrollingTable>
  );
}

function ExportButton({ filter }: { filter: Filter }) {
  const exported = useMutation({
    mutationFn: async () => {
      const params = { query: { ...queryOf(filter), format: 'csv' as const } };
      const file = await call(api.GET('/api/auth/audit/export', { params, parseAs: 'blob' }));
      save(file as unknown as Blob, 'sign-ins.csv');
    },
    onError: notifyProblem,
  });
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={18} aria-hidden />}
      loading={exported.isPending}
      onClick={() => exported.mutate()}
    >
      Export
    </Button>
  );
}
