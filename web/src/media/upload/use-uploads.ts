import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { api, call } from '../../api/client';
import { problemOf } from '../../api/problem';
import { authorizedFetch, sessionState, subscribe } from '../../session/session';
import { contentKey } from '../content/queries';
import { awaitsServer, type UploadRow, uploadRows } from './rows';
import { Transfers } from './transfers';
import { openTusSender } from './tus-sender';

const uploadsKey = ['uploads'] as const;
const POLL_MS = 1_000;

/** The files that this tab sends. */
export const transfers = new Transfers(openTusSender);
// What a person sends ends with the person's session.
subscribe(() => {
  if (sessionState().status === 'signed-out') transfers.clear();
});

/** Every upload that is not through, in this tab or left over from another. */
export function useUploadRows() {
  const local = useSyncExternalStore(transfers.subscribe, transfers.snapshot);
  const server = useQuery({
    queryKey: uploadsKey,
    queryFn: () => call(api.GET('/api/dsp/upload/uploads', { params: { query: { limit: 100 } } })),
    refetchInterval: (query) => (awaitsServer(uploadRows(local, query.state.data?.items ?? [])) ? POLL_MS : false),
  });
  const rows = uploadRows(local, server.data?.items ?? []);
  useNewContent(rows.filter(({ state }) => state === 'accepted' || state === 'refused').length);
  useFinishedTransfers(local.filter(({ state }) => state === 'sent').length);
  return { rows, error: server.error };
}

/** The library has a new item; a file that is refused once it was looked into has one too, that says why. */
function useNewContent(decided: number) {
  const client = useQueryClient();
  useEffect(() => {
    if (decided > 0) void client.invalidateQueries({ queryKey: contentKey });
  }, [client, decided]);
}

/** The server has something to say about a file that is whole now. */
function useFinishedTransfers(finished: number) {
  const client = useQueryClient();
  useEffect(() => {
    if (finished > 0) void client.invalidateQueries({ queryKey: uploadsKey });
  }, [client, finished]);
}

/** Stops an upload, here or left over from another tab, and removes what the server has of it, a refusal included. */
export function useDiscardUpload() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ transferId, uploadId, state }: UploadRow) => {
      if (transferId && state !== 'refused') return transfers.cancel(transferId);
      if (uploadId) await terminate(uploadId);
      if (transferId) transfers.dismiss(transferId);
    },
    onSettled: () => client.invalidateQueries({ queryKey: uploadsKey }),
  });
}

/** The termination extension of tus 1.0. */
async function terminate(uploadId: string): Promise<void> {
  const headers = { 'Tus-Resumable': '1.0.0' };
  const address = new URL(`/api/dsp/upload/files/${uploadId}`, location.origin);
  const response = await authorizedFetch(new Request(address, { method: 'DELETE', headers }));
  const gone = response.status === 404 || response.status === 410;
  if (!response.ok && !gone) throw problemOf(response, await response.json().catch(() => null));
}
