import { CloseButton, Group, SegmentedControl, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import type { LibraryFilter as Filter } from '../content/queries';

interface Props {
  filter: Filter;
  onChange: (filter: Filter) => void;
}

const STATUSES = [
  { value: 'all', label: 'All' },
  { value: 'draft', label: 'Drafts' },
  { value: 'published', label: 'Published' },
];

/** Which items the library shows. */
export function LibraryFilter({ filter, onChange }: Props) {
  return (
    <Group role="search" aria-label="Library" gap="sm">
      <TextInput
        aria-label="Search titles and descriptions"
        placeholder="Search titles and descriptions"
        type="search"
        maxLength={200}
        value={filter.text}
        onChange={(event) => onChange({ ...filter, text: event.currentTarget.value })}
        leftSection={<IconSearch size={18} stroke={1.6} aria-hidden />}
        rightSection={
          filter.text && <CloseButton aria-label="Clear the search" onClick={() => onChange({ ...filter, text: '' })} />
        }
        style={{ flex: '1 1 240px' }}
      />
      <SegmentedControl
        aria-label="Status"
        data={STATUSES}
        value={filter.status ?? 'all'}
        onChange={(value) => onChange({ ...filter, status: value === 'draft' || value === 'published' ? value : null })}
      />
    </Group>
  );
}
