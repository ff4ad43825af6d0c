// People who write as fast as they are answered, until they are told to stop: node load.mjs FILE. What was acknowledged is noted
// in FILE, a line each.
import { appendFileSync } from 'node:fs';
import { call, signIn, uploads } from '../../interop/lib/nexus.mjs';

const file = process.argv[2];
/** A token is good for five minutes. */
const FRESH = 180_000;
/** A person may have a hundred unfinished uploads. */
const MOST_UPLOADS = 50;

let stopped = false;
process.on('SIGTERM', () => (stopped = true));
let token = { text: await signIn(), at: Date.now() };

async function bearer() {
  if (Date.now() - token.at > FRESH) token = { text: await signIn(), at: Date.now() };
  return token.text;
}

const note = (...fields) => appendFileSync(file, `${fields.join('\t')}\n`);

async function writer(number) {
  for (let round = 0; !stopped; round += 1) {
    const title = `Note ${number}.${round}`;
    const { id } = await call('/api/content', { method: 'POST', token: await bearer(), body: { title } });
    note('content', id, title);
  }
}

/** Uploads that grow part by part and are never finished. */
async function uploader() {
  const part = Buffer.alloc(4_000, 'x');
  for (let round = 0; !stopped && round < MOST_UPLOADS; round += 1) {
    const headers = { Authorization: `Bearer ${await bearer()}`, 'Tus-Resumable': '1.0.0' };
    const metadata = `filename ${Buffer.from(`part ${round}.mp4`).toString('base64')}`;
    const begun = await fetch(uploads, { method: 'POST', headers: { ...headers, 'Upload-Length': '100000', 'Upload-Metadata': metadata } });
    const location = new URL(begun.headers.get('location'), uploads);
    for (let offset = 0; !stopped && offset < 80_000; offset += part.length) {
      const sent = await fetch(location, {
        method: 'PATCH',
        headers: { ...headers, 'Upload-Offset': String(offset), 'Content-Type': 'application/offset+octet-stream' },
        body: part,
      });
      if (sent.status !== 204) throw new Error(`${location}: ${sent.status} ${await sent.text()}`);
      note('upload', location.pathname, sent.headers.get('upload-offset'));
    }
  }
}

await Promise.all([writer(1), writer(2), uploader()]);
