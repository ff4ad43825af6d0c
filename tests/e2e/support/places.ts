import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const target = process.env.CARGO_TARGET_DIR ?? join(repository, 'target');

/** The program under test. */
export const program = process.env.NEXUS_BIN ?? join(target, 'debug/nexus');

/** Where screenshots, films and traces of the run go. */
export const output = (name: string) => join(target, 'e2e', name);

/** The files that the run made for uploads. Each journey that leaves something half done has its own. */
export type FileName =
  | 'film.mp4'
  | 'reloaded.mp4'
  | 'cancelled.mp4'
  | 'short.mp4'
  | 'truncated.mp4'
  | 'letter.mp4'
  | 'nothing.mp4';

export const file = (name: FileName) => join(output('files'), name);
