// A film's way through two instances of every service, of which one of each is killed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Upload } from 'tus-js-client';
import { run } from '../interop/lib/cases.mjs';
import { eventually } from '../interop/lib/nexus.mjs';
import { Cluster } from './cluster.mjs';
import { play } from './player.mjs';
import { slowProxy } from './slow-proxy.mjs';

const SECONDS = 20;
/** What is durable of an upload before its part ends, at least. */
const STEP = 8 << 20;
const PACE = 4 << 20;
const UPLOADS = '/api/dsp/upload/files';
const film = readFileSync(process.env.FILM);
const owner = { email: 'owner@distributed.example', password: 'correct horse battery staple 7' };

/** Calls a gateway; the answer with its JSON. */
async function ask(gateway, path, { method = 'GET', token, body, headers = {} } = {}) {
  const reply = await fetch(gateway + path, {
    method,
    headers: {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  return { status: reply.status, etag: reply.headers.get('ETag'), json: text.startsWith('{') ? JSON.parse(text) : text };
}

async function call(gateway, path, options) {
  const { status, json } = await ask(gateway, path, options);
  assert.ok(status < 300, `${options?.method ?? 'GET'} ${path}: ${status} ${JSON.stringify(json)}`);
  return json;
}

async function signIn(gateway) {
  const body = { ...owner, refresh_token: 'body' };
  return (await call(gateway, '/api/auth/login', { method: 'POST', body })).access_token;
}

function casesOf(name, files) {
  const state = {};
  const started = async () => {
    if (!state.cluster) throw new Error('the system did not start');
    return { ...state, gateways: state.cluster.gateways };
  };
  const cases = {
    'two instances of every service become one system': async () => {
      const work = join(process.env.WORK, name);
      mkdirSync(work, { recursive: true });
      const database = process.env[`DATABASE_${name.toUpperCase()}`];
      state.cluster = await Cluster.start({ work, database, files: files(work) });
      const [one, other] = state.cluster.gateways;
      const body = { token: state.cluster.setUpToken, organisation: 'Distributed', name: 'Owner', ...owner };
      await call(one, '/api/users/setup', { method: 'POST', body });
      for (const gateway of [one, other]) state.token = await signIn(gateway);
    },

    'a session that ends at one gateway is refused at the other within a second': async () => {
      const { gateways: [one, other] } = await started();
      const token = await signIn(one);
      await eventually('the session is good at the other', async () => (await ask(other, '/api/content', { token })).status === 200);
      await call(one, '/api/auth/logout', { method: 'POST', token });
      const ended = Date.now();
      await eventually('the session is refused at the other', async () => (await ask(other, '/api/content', { token })).status === 401);
      const took = Date.now() - ended;
      console.log(`      ${name}: refused at the other gateway after ${took} ms`);
      assert.ok(took < 1_000, `${took} ms`);
    },

    'an upload survives the instance that receives it, and loses no byte that was acknowledged': async () => {
      const { cluster, token, gateways: [one, other] } = await started();
      const proxy = await slowProxy(one, PACE);
      const told = [];
      const sent = new Promise((resolve, reject) => {
        const upload = new Upload(film, {
          endpoint: proxy.url + UPLOADS,
          headers: { Authorization: `Bearer ${token}` },
          metadata: { filename: 'film.mp4', filetype: 'video/mp4', title: `Film in a ${name}` },
          retryDelays: [0, 500, 1_000, 3_000, 5_000, 5_000],
          onAfterResponse: (request, response) => {
            if (request.getMethod() === 'HEAD') told.push(Number(response.getHeader('Upload-Offset')));
          },
          onUploadUrlAvailable: () => { state.upload = upload.url.split('/').at(-1); },
          onSuccess: () => resolve(upload),
          onError: reject,
        });
        upload.start();
      });
      const acknowledged = await Promise.race([sent, eventually('a part of the film is durable', async () => {
        if (!state.upload) return false;
        const { offset } = await call(other, `/api/dsp/upload/uploads/${state.upload}`, { token });
        return offset >= STEP && offset;
      })]);
      assert.equal(typeof acknowledged, 'number', 'the upload ended before its instance could be killed');
      const receiving = await cluster.busiest('puabo-dsp-upload-mgr');
      await receiving.kill();
      await sent;
      proxy.close();
      assert.ok(told.length > 0, 'the client was not interrupted');
      assert.ok(told[0] >= acknowledged && told[0] < film.length, `${acknowledged} bytes were kept, then ${told}`);
      console.log(`      ${name}: killed at ${acknowledged} bytes or more, went on at ${told.join(', ')} of ${film.length}`);
    },

    'a transcode survives the instance that makes it, and one of every other service': async () => {
      const { cluster, token, gateways: [one, other] } = await started();
      const transcoding = await eventually('the film is transcoded', async () => cluster.transcoding());
      await transcoding.kill();
      for (const service of ['user-auth', 'auth-service', 'auth-service-v2', 'session-mgr', 'token-mgr', 'key-service', 'content-management',
        'streaming-service-v2']) {
        await cluster.of(service)[0].kill();
      }
      state.content = await eventually('the upload becomes content', async () => {
        const { json } = await ask(one, `/api/dsp/upload/uploads/${state.upload}`, { token });
        assert.notEqual(json.state, 'refused', json.error);
        return json.content_id;
      });
      await eventually('the film can be played', async () => {
        const { status, json } = await ask(other, `/api/content/${state.content}`, { token });
        assert.notEqual(json.media?.state, 'failed', json.media?.error);
        return status === 200 && json.media.state === 'ready';
      });
      const { items } = await call(one, `/api/streamcore/jobs?content_id=${state.content}`, { token });
      assert.deepEqual(items.map((job) => [job.state, job.attempts]), [['succeeded', 2]]);
    },

    'nothing happened twice': async () => {
      const { token, gateways } = await started();
      for (const gateway of gateways) {
        assert.deepEqual((await call(gateway, '/api/content', { token })).items.map((item) => item.id), [state.content]);
        assert.deepEqual((await call(gateway, '/api/dsp/upload/uploads', { token })).items.map((upload) => upload.state), ['accepted']);
      }
    },

    'people can still sign in': async () => {
      const { gateways } = await started();
      for (const gateway of gateways) state.token = await signIn(gateway);
    },

    'the film plays in Chromium through either gateway': async () => {
      const { token, gateways } = await started();
      const path = `/api/content/${state.content}`;
      const { etag } = await ask(gateways[0], path, { token });
      await call(gateways[0], path, { method: 'PATCH', token, headers: { 'If-Match': etag }, body: { visibility: 'public' } });
      await call(gateways[1], `${path}/publish`, { method: 'POST', token });
      for (const gateway of gateways) {
        const { hls_url: source } = await call(gateway, `/api/stream/${state.content}/playback`);
        for (const seen of await play(gateway, source, SECONDS)) {
          assert.ok(seen.time > seen.from + 0.5 && seen.brightest > 200, JSON.stringify(seen));
        }
      }
    },

    'the film is whole: ffmpeg decodes it to its end without a complaint': async () => {
      const { gateways } = await started();
      const { hls_url: source, duration_ms } = await call(gateways[1], `/api/stream/${state.content}/playback`);
      const all = ['-v', 'error', '-xerror', '-i', gateways[1] + source, '-map', '0', '-f', 'null', '-'];
      const { stderr } = await promisify(execFile)('ffmpeg', all);
      assert.equal(stderr, '');
      assert.ok(Math.abs(duration_ms - SECONDS * 1_000) < 250, `${duration_ms} ms`);
    },
  };
  const named = Object.entries(cases).map(([title, body]) => [`${name}: ${title}`, body]);
  named.push([`${name}: the remaining processes are alive`, async () => {
    const { cluster } = await started();
    const count = cluster.instances.filter((instance) => instance.alive).length;
    await cluster.stop();
    assert.equal(count, 12);
  }]);
  return { name, cases: Object.fromEntries(named), stop: () => state.cluster?.stop() };
}

const { origin: endpoint, pathname: bucket } = new URL(process.env.NEXUS_TEST_S3);
const wanted = process.argv.slice(2);
const kinds = [
  casesOf('bucket', () => ({
    NEXUS_BLOBS__URL: `s3:/${bucket}/distributed-${process.pid}`,
    NEXUS_BLOBS__ENDPOINT: endpoint,
    NEXUS_BLOBS__ACCESS_KEY_ID: 'test',
    NEXUS_BLOBS__SECRET_ACCESS_KEY: 'test',
  })),
  casesOf('folder', (work) => ({ NEXUS_BLOBS__URL: `file://${join(work, 'blobs')}` })),
].filter((kind) => wanted.length === 0 || wanted.includes(kind.name));
try {
  await run('distributed', Object.assign({}, ...kinds.map((kind) => kind.cases)));
} finally {
  for (const kind of kinds) await kind.stop();
}
// An upload that failed may still wait for its next attempt.
process.exit();
