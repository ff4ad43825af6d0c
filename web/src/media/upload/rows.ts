import type { Upload } from '../../api/types';
import type { Transfer, TransferState } from './transfers';

/** Where a file is on its way to becoming content. */
export type RowState =
  | Exclude<TransferState, 'sent'>
  /** Every byte is there, and the server looks at the file. */
  | 'checking'
  /** It has become content. */
  | 'accepted'
  /** The server does not take it. */
  | 'refused'
  /** Part of it is at the server, and this page does not send it. */
  | 'interrupted';

export interface UploadRow {
  key: string;
  name: string;
  size: number;
  sent: number;
  state: RowState;
  bytesPerSecond: number | null;
  error: string | null;
  /** Known to this page; else only the server knows it. */
  transferId: string | null;
  uploadId: string | null;
  contentId: string | null;
}

/** What this page sends and what the server knows, each file once. What became content elsewhere is no longer news. */
export function uploadRows(transfers: readonly Transfer[], uploads: readonly Upload[]): UploadRow[] {
  const sentHere = new Set(transfers.map(({ uploadId }) => uploadId));
  const here = transfers.map((transfer) =>
    rowOf(
      transfer,
      uploads.find(({ id }) => id === transfer.uploadId),
    ),
  );
  const elsewhere = uploads.filter((upload) => !sentHere.has(upload.id) && isPending(upload)).map(pendingRow);
  return [...here, ...elsewhere];
}

/** Whether the server still works on something here, so that it is worth asking again. */
export function awaitsServer(rows: readonly UploadRow[]): boolean {
  return rows.some(({ state }) => state === 'checking');
}

function rowOf(transfer: Transfer, upload: Upload | undefined): UploadRow {
  const { id, name, size, sent, bytesPerSecond, uploadId } = transfer;
  const row = { key: id, name, size, sent, bytesPerSecond, uploadId, transferId: id };
  if (transfer.state !== 'sent') return { ...row, state: transfer.state, error: transfer.error, contentId: null };
  return { ...row, state: stateOf(upload), error: upload?.error ?? null, contentId: upload?.content_id ?? null };
}

/** An accepted file is content only once it has its item. */
function stateOf(upload: Upload | undefined): RowState {
  if (upload?.state === 'refused') return 'refused';
  return upload?.content_id ? 'accepted' : 'checking';
}

function isPending(upload: Upload): boolean {
  return upload.state === 'receiving' || stateOf(upload) !== 'accepted';
}

function pendingRow(upload: Upload): UploadRow {
  return {
    key: upload.id,
    name: upload.filename,
    size: upload.size,
    sent: upload.offset,
    state: upload.state === 'receiving' ? 'interrupted' : stateOf(upload),
    bytesPerSecond: null,
    error: upload.error ?? null,
    transferId: null,
    uploadId: upload.id,
    contentId: null,
  };
}
