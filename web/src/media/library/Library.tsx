import { SimpleGrid, Skeleton } from '@mantine/core';
import { IconMovie, IconMovieOff } from '@tabler/icons-react';
import { EmptyState } from '../../shared/EmptyState';
import { ErrorNotice } from '../../shared/ErrorNotice';
import { LoadMore } from '../../shared/LoadMore';
import type { useLibrary } from '../content/queries';
import { ContentCard } from './ContentCard';

const COLUMNS = { base: 1, xs: 2, lg: 3, xl: 4 };

interface Props {
  library: ReturnType<typeof useLibrary>;
  /** Whether only some of the items are asked for. */
  filtered: boolean;
  editor: boolean;
}

/** The grid of items, or why there is none. */
export function Library({ library, filtered, editor }: Props) {
  const { items, error, refetch } = library;
  if (!items) return error ? <ErrorNotice error={error} retry={() => void refetch()} /> : <Loading />;
  if (items.length === 0) return filtered ? <NothingFound /> : <NothingYet editor={editor} />;
  return (
    <>
      <SimpleGrid cols={COLUMNS} spacing="lg" component="section" aria-label="Library">
        {items.map((content) => (
          <ContentCard key={content.id} content={content} />
        ))}
      </SimpleGrid>
      <LoadMore pages={library} />
    </>
  );
}

function NothingFound() {
  return (
    <EmptyState icon={IconMovieOff} title="Nothing matches">
      No title and no description has these words, with this status.
    </EmptyState>
  );
}

function NothingYet({ editor }: { editor: boolean }) {
  return (
    <EmptyState icon={IconMovie} title="No films yet">
      {editor
        ? 'What you upload appears here, first as a private draft that only editors see.'
        : 'What the editors of your organisation publish appears here.'}
    </EmptyState>
  );
}

function Loading() {
  return (
    <SimpleGrid cols={COLUMNS} spacing="lg" aria-busy="true" aria-label="Loading the library">
      {['one', 'two', 'three'].map((key) => (
        <Skeleton key={key} h={280} radius="lg" />
      ))}
    </SimpleGrid>
  );
}
