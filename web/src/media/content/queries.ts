import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, call, callVersioned } from '../../api/client';
import { usePages } from '../../api/pages';
import type { Content, Visibility } from '../../api/types';

/** What everything about content items is kept under. */
export const contentKey = ['content'] as const;
const itemKey = (id: string) => [...contentKey, 'item', id] as const;
const playbackKey = (id: string) => [...contentKey, 'playback', id] as const;
const jobKey = (id: string) => [...contentKey, 'job', id] as const;

const POLL_MS = 1_000;
const PAGE_SIZE = 24;
/** A signed address that ends this soon is asked for anew. */
const EXPIRY_MARGIN_MS = 60_000;

export interface LibraryFilter {
  text: string;
  status: Content['status'] | null;
}

/** An item with the `ETag` that a change of it takes. */
export interface VersionedContent {
  body: Content;
  etag: string;
}

export function isProcessing(content: Content): boolean {
  return content.media?.state === 'processing';
}

/** The library, page by page, newest first. */
export function useLibrary({ text, status }: LibraryFilter) {
  return usePages([...contentKey, 'list', { text, status }], (cursor) =>
    call(
      api.GET('/api/content', {
        params: { query: { limit: PAGE_SIZE, cursor, q: text || undefined, status: status ?? undefined } },
      }),
    ),
  );
}

function readContent(id: string): Promise<VersionedContent> {
  return callVersioned(api.GET('/api/content/{id}', { params: { path: { id } } }));
}

/** One item, asked for again and again while its media is being made ready. */
export function useContent(id: string) {
  return useQuery({
    queryKey: itemKey(id),
    queryFn: () => readContent(id),
    refetchInterval: (query) => (query.state.data && isProcessing(query.state.data.body) ? POLL_MS : false),
  });
}

/** A listed item as it is now: while its media is being made ready, the list's answer grows old. */
export function useLiveContent(listed: Content): Content {
  const query = useQuery({
    queryKey: itemKey(listed.id),
    queryFn: () => readContent(listed.id),
    enabled: isProcessing(listed),
    refetchInterval: ({ state }) => (state.data && !isProcessing(state.data.body) ? false : POLL_MS),
  });
  return isProcessing(listed) && query.data ? query.data.body : listed;
}

/** Where an item's film and poster are. Asked for again when the item's audience changes or its address is about to end. */
export function usePlayback(content: Content) {
  return useQuery({
    queryKey: [...playbackKey(content.id), content.visibility, content.status],
    queryFn: () => call(api.GET('/api/stream/{content_id}/playback', { params: { path: { content_id: content.id } } })),
    enabled: content.media?.state === 'ready',
    staleTime: (query) => {
      const expiresAt = query.state.data?.expires_at;
      return expiresAt
        ? Date.parse(expiresAt) - EXPIRY_MARGIN_MS - query.state.dataUpdatedAt
        : Number.POSITIVE_INFINITY;
    },
    // A new address in the middle of a film would begin it anew.
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
}

export interface ContentDetails {
  title: string;
  description: string;
  visibility: Visibility;
}

/** Changes an item, provided that it is still as `etag` says. */
export function useUpdateContent(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ etag, changes }: { etag: string; changes: Partial<ContentDetails> }) =>
      callVersioned(
        api.PATCH('/api/content/{id}', { params: { path: { id }, header: { 'If-Match': etag } }, body: changes }),
      ),
    onSuccess: (changed) => keep(client, changed),
    onError: () => client.invalidateQueries({ queryKey: itemKey(id) }),
  });
}

/** Publishes an item or takes it back. */
export function usePublishContent(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (status: Content['status']) => {
      const params = { path: { id } };
      return callVersioned(
        status === 'published'
          ? api.POST('/api/content/{id}/publish', { params })
          : api.POST('/api/content/{id}/unpublish', { params }),
      );
    },
    onSuccess: (changed) => keep(client, changed),
    onError: () => client.invalidateQueries({ queryKey: itemKey(id) }),
  });
}

/** Deletes an item with everything that was made of it, provided that it is still as `etag` says. */
export function useDeleteContent(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (etag: string) =>
      call(api.DELETE('/api/content/{id}', { params: { path: { id }, header: { 'If-Match': etag } } })),
    onSuccess: async () => {
      client.removeQueries({ queryKey: itemKey(id) });
      await client.invalidateQueries({ queryKey: [...contentKey, 'list'] });
    },
    onError: () => client.invalidateQueries({ queryKey: itemKey(id) }),
  });
}

/** The failed transcode of an item that an editor may try again; only asked for when its media failed. */
export function useRetryableJob(content: Content, editor: boolean) {
  return useQuery({
    queryKey: jobKey(content.id),
    queryFn: () => call(api.GET('/api/streamcore/jobs', { params: { query: { content_id: content.id, limit: 1 } } })),
    enabled: editor && content.media?.state === 'failed',
    select: (page) => page.items.find(({ retryable }) => retryable),
  });
}

/** Tries a failed transcode again. */
export function useRetryJob(contentId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (jobId: string) =>
      call(api.POST('/api/streamcore/jobs/{id}/retry', { params: { path: { id: jobId } } })),
    onSettled: () => {
      client.removeQueries({ queryKey: jobKey(contentId) });
      return client.invalidateQueries({ queryKey: contentKey });
    },
  });
}

async function keep(client: QueryClient, changed: VersionedContent) {
  client.setQueryData(itemKey(changed.body.id), changed);
  await client.invalidateQueries({ queryKey: [...contentKey, 'list'] });
}
