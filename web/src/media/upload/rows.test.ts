import { expect, test } from 'vitest';
import type { Upload } from '../../api/types';
import { describe } from './describe';
import { awaitsServer, uploadRows } from './rows';
import type { Transfer } from './transfers';

const transfer: Transfer = {
  id: 'transfer-1',
  name: 'a.mp4',
  size: 2_000_000,
  sent: 500_000,
  bytesPerSecond: 250_000,
  state: 'sending',
  error: null,
  uploadId: 'u1',
};

const upload: Upload = {
  id: 'u1',
  filename: 'a.mp4',
  size: 2_000_000,
  offset: 500_000,
  state: 'receiving',
  error: null,
  content_id: null,
  created_at: '2026-01-01T00:00:00Z',
  expires_at: null,
};

function only<T>(items: T[]): T {
  expect(items).toHaveLength(1);
  return items[0] as T;
}

test('a file that is sent here is one row, though the server lists it too', () => {
  const row = only(uploadRows([transfer], [upload]));
  expect(row).toMatchObject({ state: 'sending', transferId: 'transfer-1', uploadId: 'u1' });
  expect(describe(row)).toBe('25 % · 500 kB of 2.0 MB · 250 kB/s · 6 s left');
});

test('what another page left is interrupted, and says how to go on', () => {
  const row = only(uploadRows([], [upload]));
  expect(row).toMatchObject({ state: 'interrupted', transferId: null, sent: 500_000 });
  expect(describe(row)).toContain('Choose the same file again');
});

test('a whole file is being checked until it is content', () => {
  const sent: Transfer = { ...transfer, state: 'sent' };
  expect(only(uploadRows([sent], [])).state).toBe('checking');
  expect(only(uploadRows([sent], [{ ...upload, state: 'checking' }])).state).toBe('checking');
  const accepted = only(uploadRows([sent], [{ ...upload, state: 'accepted', content_id: 'c1' }]));
  expect(accepted).toMatchObject({ state: 'accepted', contentId: 'c1' });
});

test('a refusal is told with its reason, also after a reload', () => {
  const refused: Upload = { ...upload, state: 'refused', error: 'the file is a text' };
  for (const rows of [uploadRows([{ ...transfer, state: 'sent' }], [refused]), uploadRows([], [refused])]) {
    expect(describe(only(rows))).toBe('The file is a text.');
  }
});

test('what became content elsewhere is no news, and only checking asks the server again', () => {
  expect(uploadRows([], [{ ...upload, state: 'accepted', content_id: 'c1' }])).toEqual([]);
  expect(awaitsServer(uploadRows([], [{ ...upload, state: 'checking' }]))).toBe(true);
  expect(awaitsServer(uploadRows([transfer], [upload]))).toBe(false);
});
