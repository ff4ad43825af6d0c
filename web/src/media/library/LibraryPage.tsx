import { Stack } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { mayActAs, useProfile } from '../../session/use-session';
import { PageHeader } from '../../shared/PageHeader';
import { type LibraryFilter as Filter, useLibrary } from '../content/queries';
import { UploadArea } from '../upload/UploadArea';
import { Library } from './Library';
import { LibraryFilter } from './LibraryFilter';

const TYPING_MS = 250;

/** Everything that the person may see, and the way in for new films. */
export function LibraryPage() {
  const [filter, setFilter] = useState<Filter>({ text: '', status: null });
  const [text] = useDebouncedValue(filter.text.trim(), TYPING_MS);
  const library = useLibrary({ text, status: filter.status });
  const editor = mayActAs(useProfile().roles, 'editor');
  const filtered = text !== '' || filter.status !== null;
  const empty = library.items?.length === 0 && !filtered;
  return (
    <>
      <PageHeader title="Media" description="Your organisation's films: upload them, say who may watch, and publish." />
      <Stack gap="xl">
        {editor && <UploadArea prominent={empty} />}
        {!empty && <LibraryFilter filter={filter} onChange={setFilter} />}
        <Library library={library} filtered={filtered} editor={editor} />
      </Stack>
    </>
  );
}
