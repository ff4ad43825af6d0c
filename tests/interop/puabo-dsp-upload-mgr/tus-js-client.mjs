// tus-js-client in Node.js, the library that most browsers upload with.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileUrlStorage, Upload } from 'tus-js-client';
import { run } from '../lib/cases.mjs';
import { cuttingProxy } from '../lib/cutting-proxy.mjs';
import { playableContent, signIn, uploadOf, uploads, url } from '../lib/nexus.mjs';

const MEGABYTE = 1 << 20;
const film = readFileSync(process.env.FILM);
const token = await signIn();
const headers = { Authorization: `Bearer ${token}` };

/** Uploads the film; resolves with the upload, and with every offset that the server answered when it was asked. */
function upload(options = {}) {
  const offsets = [];
  return new Promise((resolve, reject) => {
    const upload = new Upload(film, {
      endpoint: uploads,
      headers,
      metadata: { filename: 'film.mp4', filetype: 'video/mp4', title: 'Film from tus-js-client' },
      retryDelays: [0, 100, 500, 1_000],
      onAfterResponse: (request, response) => {
        if (request.getMethod() === 'HEAD') offsets.push(Number(response.getHeader('Upload-Offset')));
      },
      onSuccess: () => resolve({ upload, offsets }),
      onError: reject,
      ...options,
    });
    upload.start();
  });
}

/** Starts an upload and leaves it when the server has at least that many bytes. */
function uploadPartOf(bytes, options = {}) {
  return new Promise((resolve, reject) => {
    const part = new Upload(film, {
      endpoint: uploads,
      headers,
      metadata: { filename: 'film.mp4', filetype: 'video/mp4' },
      chunkSize: MEGABYTE,
      retryDelays: null,
      onChunkComplete: (_size, accepted) => {
        if (accepted >= bytes) part.abort().then(() => resolve(part), reject);
      },
      onError: reject,
      ...options,
    });
    part.start();
  });
}

await run('tus-js-client', {
  'a whole file in one request becomes content that plays': async () => {
    const { upload: done } = await upload();
    const content = await playableContent(done.url, token);
    assert.equal(content.title, 'Film from tus-js-client');
    assert.equal((await uploadOf(done.url, token)).offset, film.length);
  },

  'a file in many chunks arrives whole': async () => {
    const { upload: done } = await upload({ chunkSize: MEGABYTE });
    const listed = await uploadOf(done.url, token);
    assert.deepEqual([listed.size, listed.offset], [film.length, film.length]);
  },

  'a connection that breaks three times in mid-request goes on where it was': async () => {
    const proxy = await cuttingProxy(url, [3 * MEGABYTE, 2 * MEGABYTE, 4 * MEGABYTE]);
    try {
      const { upload: done, offsets } = await upload({ endpoint: uploads.replace(url, proxy.url) });
      assert.equal(proxy.broken(), 3);
      assert.equal(offsets.length, 3);
      assert.ok(offsets[0] > MEGABYTE, `the server kept what it had: ${offsets}`);
      assert.ok(offsets[1] > offsets[0] && offsets[2] > offsets[1], `each try went further: ${offsets}`);
      const content = await playableContent(new URL(new URL(done.url).pathname, url).href, token);
      assert.ok(content.media.duration_ms > 3_900);
    } finally {
      proxy.close();
    }
  },

  'another process resumes from the address that it stored': async () => {
    const urlStorage = new FileUrlStorage(join(process.env.WORK, 'tus-urls.json'));
    const stored = { urlStorage, fingerprint: async () => 'the-film', storeFingerprintForResuming: true };
    const left = await uploadPartOf(4 * MEGABYTE, stored);
    const [previous] = await new Upload(film, { endpoint: uploads, ...stored }).findPreviousUploads();
    assert.equal(previous.uploadUrl, left.url);
    const { offsets } = await upload({ uploadUrl: previous.uploadUrl });
    assert.ok(offsets[0] >= 4 * MEGABYTE, `resumed at ${offsets[0]}`);
    assert.equal((await uploadOf(left.url, token)).offset, film.length);
  },

  'an upload that is terminated is gone': async () => {
    const left = await uploadPartOf(MEGABYTE);
    await Upload.terminate(left.url, { headers, retryDelays: null });
    const reply = await fetch(left.url, { method: 'HEAD', headers: { ...headers, 'Tus-Resumable': '1.0.0' } });
    assert.ok([404, 410].includes(reply.status), `HEAD answers ${reply.status}`);
  },

  'without a token nothing is created': async () => {
    const error = await upload({ headers: {}, retryDelays: null }).then(
      () => assert.fail('it was created'),
      (error) => error,
    );
    assert.equal(error.originalResponse.getStatus(), 401);
  },
});
