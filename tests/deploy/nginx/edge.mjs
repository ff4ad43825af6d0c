// The system as the world meets it: through nginx, by HTTPS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { WebSocket } from 'ws';
import { run } from '../../interop/lib/cases.mjs';
import { eventually } from '../../interop/lib/nexus.mjs';

const { NEXUS_EDGE: edge, NEXUS_EDGE_HTTP: plain, NEXUS_EDGE_CA, NEXUS_NGINX, NEXUS_SOCKETS: sockets } = process.env;
const ca = readFileSync(NEXUS_EDGE_CA);
const films = JSON.parse(process.env.NEXUS_FILMS);
const MEGABYTE = 1 << 20;
let token;

const get = (path, headers = {}) => fetch(new URL(path, edge), { headers, redirect: 'manual' });
const login = (headers = {}, email = process.env.NEXUS_EMAIL) =>
  fetch(`${edge}/api/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ email, password: process.env.NEXUS_PASSWORD, refresh_token: 'body' }),
  });

/** The address of the first segment that a film's player would fetch. */
async function segment(playback) {
  const lines = async (url) => {
    const reply = await get(url);
    assert.equal(reply.status, 200, url);
    return (await reply.text()).split('\n').filter((line) => line && !line.startsWith('#'));
  };
  const master = new URL(playback.hls_url, edge);
  const variant = new URL((await lines(master))[0], master);
  return new URL((await lines(variant))[0], variant);
}

/** One request over HTTP/2, in a session of its own. */
async function over2(path) {
  const session = connect(edge, { ca });
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject);
      const stream = session.request({ ':path': path });
      let status;
      stream.on('response', (headers) => { status = headers[':status']; });
      stream.on('data', () => {});
      stream.on('end', () => resolve({ status, protocol: session.alpnProtocol }));
      stream.on('error', reject);
      stream.end();
    });
  } finally {
    session.close();
  }
}

/** Begins an upload, sends the first part and waits for `between`, and then sends the rest. */
async function upload(bytes, first, between) {
  const tus = { Authorization: `Bearer ${token}`, 'Tus-Resumable': '1.0.0' };
  const created = await fetch(`${edge}/api/dsp/upload/files`, {
    method: 'POST',
    headers: { ...tus, 'Upload-Length': String(bytes.length), 'Upload-Metadata': `filename ${btoa('large.mp4')}` },
  });
  assert.equal(created.status, 201);
  const location = new URL(created.headers.get('location'), `${edge}/api/dsp/upload/files`);
  const offset = async () => Number((await fetch(location, { method: 'HEAD', headers: tus })).headers.get('upload-offset'));
  const status = await new Promise((resolve, reject) => {
    const headers = { ...tus, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream', 'Content-Length': bytes.length };
    const patch = request(location, { method: 'PATCH', headers, ca }, (reply) => resolve(reply.resume().statusCode));
    patch.on('error', reject);
    patch.write(bytes.subarray(0, first), () => between().then(() => patch.end(bytes.subarray(first)), reject));
  });
  return { status, offset: await offset() };
}

const socket = () => new Promise((resolve, reject) => {
  const client = new WebSocket(sockets.replace('https', 'wss'), { ca });
  client.on('open', () => client.send('hello'));
  client.on('message', (text) => { client.close(); resolve(String(text)); });
  client.on('error', reject);
});

const curl = (...args) => execFileSync('curl', ['-s', '--cacert', NEXUS_EDGE_CA, ...args]).toString();

await run('nginx', {
  'the owner signs in by HTTPS and is who they are': async () => {
    const reply = await login();
    assert.equal(reply.status, 200);
    token = (await reply.json()).access_token;
    const me = await (await get('/api/users/me', { Authorization: `Bearer ${token}` })).json();
    assert.equal(me.email, process.env.NEXUS_EMAIL);
  },
  'browsers speak HTTP/2': async () => {
    assert.deepEqual(await over2('/openapi.json'), { status: 200, protocol: 'h2' });
    assert.equal(curl('-o', '/dev/null', '-w', '%{http_version}', `${edge}/openapi.json`), '2');
  },
  'TLS 1.1 is refused': () => {
    assert.throws(() => curl('--tls-max', '1.1', '--tlsv1.1', '--ciphers', 'DEFAULT@SECLEVEL=0', `${edge}/`));
  },
  'who comes without TLS is sent to it, and is told to come that way from then on': async () => {
    const reply = await fetch(`${plain}/watch?v=1`, { redirect: 'manual' });
    assert.deepEqual([reply.status, reply.headers.get('location')], [308, 'https://localhost/watch?v=1']);
    assert.equal((await get('/')).headers.get('strict-transport-security'), 'max-age=31536000');
  },
  'a piece of a published film is kept, whole and in part, and said to be': async () => {
    const url = await segment(films[0].playback);
    const replies = [await get(url), await get(url), await get(url, { Range: 'bytes=0-99' })];
    assert.deepEqual(replies.map((reply) => reply.headers.get('x-cache-status')), ['MISS', 'HIT', 'HIT']);
    assert.deepEqual(replies.map((reply) => reply.status), [200, 200, 206]);
    const [first, second, part] = await Promise.all(replies.map((reply) => reply.arrayBuffer()));
    assert.ok(first.byteLength > 100 && Buffer.from(first).equals(Buffer.from(second)));
    assert.ok(Buffer.from(first).subarray(0, 100).equals(Buffer.from(part)));
  },
  'a piece of a film that is not published is never kept': async () => {
    const url = await segment(films[1].playback);
    for (let time = 0; time < 3; time += 1) {
      const reply = await get(url);
      assert.deepEqual([reply.status, reply.headers.get('x-cache-status')], [200, null]);
      assert.match(reply.headers.get('cache-control'), /private/);
    }
  },
  '50 MB go up in one request, and arrive while they are still being sent': async () => {
    const bytes = randomBytes(50 * MEGABYTE);
    const { status, offset } = await upload(bytes, 20 * MEGABYTE, async () => {
      const kept = () => execFileSync('du', ['-sb', `${NEXUS_NGINX}/tmp`]).toString().split('\t')[0];
      const arrived = () => Number(execFileSync('du', ['-sb', process.env.NEXUS_UPLOADS]).toString().split('\t')[0]);
      await eventually('the first bytes are at the service', () => arrived() > 15 * MEGABYTE);
      assert.ok(Number(kept()) < MEGABYTE, 'nginx keeps nothing of it');
    });
    assert.deepEqual({ status, offset }, { status: 204, offset: bytes.length });
  },
  'the gateway sees the address of the client, and not what a client says of itself': async () => {
    await login({ 'X-Test-Client': '203.0.113.77', 'X-Forwarded-For': '198.51.100.1' });
    const { items } = await (await get('/api/sessions', { Authorization: `Bearer ${token}` })).json();
    const addresses = items.map((session) => session.address);
    assert.ok(addresses.includes('203.0.113.77') && !addresses.includes('198.51.100.1'), addresses.join(' '));
  },
  'a flood of passwords from one address is told to wait, and others are not': async () => {
    const tries = Array.from({ length: 80 }, (_, number) => login({ 'X-Test-Client': '203.0.113.5' }, `nobody-${number}@example.com`));
    const answers = await Promise.all(tries.map(async (reply) => ({ reply: await reply, problem: await (await reply).json() })));
    // The service that checks passwords has a lock of its own, which is another matter.
    const refused = answers.filter(({ problem }) => problem.code === 'rate-limited').map(({ reply }) => reply);
    assert.ok(refused.length >= 30, `${refused.length} of 80 were refused`);
    assert.deepEqual([refused[0].status, refused[0].headers.get('retry-after')], [429, '1']);
    assert.equal((await login({ 'X-Test-Client': '203.0.113.6' })).status, 200);
  },
  'metrics are not for the world': async () => {
    assert.equal((await get('/metrics')).status, 404);
  },
  'a WebSocket goes through, both ways': async () => {
    assert.equal(await socket(), 'hello');
  },
  'an event of a stream comes when it is sent': async () => {
    const reply = await fetch(`${sockets}/events`);
    const reader = reply.body.getReader();
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), 'data: first\n\n');
    await reader.cancel();
  },
});
