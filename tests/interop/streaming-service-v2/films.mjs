// Uploads the named files and prints what became of them, as JSON for the suites. The first is published for everybody,
// the others stay drafts, which play from signed addresses.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { call, playableContent, signIn, uploads } from '../lib/nexus.mjs';

const token = await signIn();
const films = [];
for (const [index, file] of process.argv.slice(2).entries()) {
  const location = await upload(file);
  const content = await playableContent(location, token);
  if (index === 0) await publish(content.id);
  const playback = await call(`/api/stream/${content.id}/playback`, { token });
  films.push({ name: basename(file), content, playback });
}
console.log(JSON.stringify(films));

async function upload(file) {
  const bytes = await readFile(file);
  const tus = { Authorization: `Bearer ${token}`, 'Tus-Resumable': '1.0.0' };
  const created = await fetch(uploads, {
    method: 'POST',
    headers: {
      ...tus,
      'Upload-Length': String(bytes.length),
      'Upload-Metadata': `filename ${Buffer.from(basename(file)).toString('base64')}`,
    },
  });
  if (created.status !== 201) throw new Error(`${file}: ${created.status} ${await created.text()}`);
  const location = new URL(created.headers.get('Location'), uploads).href;
  const sent = await fetch(location, {
    method: 'PATCH',
    headers: { ...tus, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' },
    body: bytes,
  });
  if (sent.status !== 204) throw new Error(`${file}: ${sent.status} ${await sent.text()}`);
  return location;
}

async function publish(id) {
  const found = await fetch(`${process.env.NEXUS_URL}/api/content/${id}`, { headers: { Authorization: `Bearer ${token}` } });
  const headers = { 'If-Match': found.headers.get('ETag') };
  await call(`/api/content/${id}`, { method: 'PATCH', token, headers, body: { visibility: 'public' } });
  await call(`/api/content/${id}/publish`, { method: 'POST', token });
}
