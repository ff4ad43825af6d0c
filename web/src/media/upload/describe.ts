import { bytes, percent } from '../../shared/format';
import { sentence } from '../content/sentence';
import { secondsLeft } from './rate';
import type { UploadRow } from './rows';

/** What is to be said about an upload, in one line. */
export function describe(row: UploadRow): string {
  const amount = `${bytes(row.sent)} of ${bytes(row.size)}`;
  switch (row.state) {
    case 'queued':
      return `${bytes(row.size)} · Waits for its turn`;
    case 'sending':
      return [percent(row.size > 0 ? row.sent / row.size : 0), amount, ...pace(row)].join(' · ');
    case 'paused':
      return `Paused · ${amount}`;
    case 'waiting':
      return `Connection lost; goes on by itself · ${amount}`;
    case 'interrupted':
      return `Interrupted · ${amount} · Choose the same file again to go on`;
    case 'checking':
      return 'Uploaded · Being checked';
    case 'accepted':
      return 'Uploaded · Now in the library';
    case 'refused':
      return sentence(row.error ?? 'The file was refused');
    case 'failed':
      return sentence(row.error ?? 'The upload failed');
  }
}

function pace({ size, sent, bytesPerSecond }: UploadRow): string[] {
  const seconds = secondsLeft(size, sent, bytesPerSecond);
  if (bytesPerSecond === null || seconds === null) return [];
  return [`${bytes(bytesPerSecond)}/s`, `${timeLeft(seconds)} left`];
}

/** `8 s`, `3 min`, `2 h 5 min`. */
export function timeLeft(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
