// hls-parser in strict mode: it throws at whatever RFC 8216 does not allow.
import assert from 'node:assert/strict';
import HLS from 'hls-parser';
import { run } from '../lib/cases.mjs';
import { url } from '../lib/nexus.mjs';

HLS.setOptions({ strictMode: true, silent: true });
const films = JSON.parse(process.env.NEXUS_FILMS);

async function playlist(address) {
  const reply = await fetch(address);
  assert.equal(reply.status, 200, `${address}: ${reply.status}`);
  assert.match(reply.headers.get('Content-Type'), /^application\/vnd\.apple\.mpegurl/);
  return HLS.parse(await reply.text());
}

/** All media playlists of a film, sound included, each with its address. */
async function mediaPlaylists(film) {
  const master = new URL(film.playback.hls_url, url);
  const parsed = await playlist(master);
  const uris = parsed.variants.flatMap((variant) => [variant.uri, ...variant.audio.map((rendition) => rendition.uri)]);
  const addresses = [...new Set(uris)].map((uri) => new URL(uri, master));
  return Promise.all(addresses.map(async (address) => ({ address, parsed: await playlist(address) })));
}

const casesOf = (film) => ({
  [`${film.name}: the multivariant playlist names its codecs, sizes and rates`]: async () => {
    const parsed = await playlist(new URL(film.playback.hls_url, url));
    assert.ok(parsed.isMasterPlaylist && parsed.independentSegments);
    assert.ok(parsed.variants.length >= 2, `${parsed.variants.length} variants`);
    for (const variant of parsed.variants) {
      assert.match(variant.codecs, /avc1\.[0-9a-f]{6}.*mp4a\.40\.2|mp4a\.40\.2.*avc1\.[0-9a-f]{6}/i);
      assert.ok(variant.bandwidth >= variant.averageBandwidth && variant.averageBandwidth > 0);
      assert.ok(variant.resolution.height <= 360 && variant.frameRate > 0);
      assert.equal(variant.audio.length, 1);
    }
  },

  [`${film.name}: every media playlist is a finished one of fMP4 segments that are cut alike`]: async () => {
    const lists = await mediaPlaylists(film);
    assert.ok(lists.length >= 3);
    for (const { parsed } of lists) {
      assert.ok(parsed.endlist && parsed.playlistType === 'VOD' && parsed.version >= 6);
      assert.ok(parsed.segments.every((segment) => segment.map && segment.duration <= parsed.targetDuration + 0.5));
      const seconds = parsed.segments.reduce((sum, segment) => sum + segment.duration, 0);
      assert.ok(Math.abs(seconds * 1_000 - film.playback.duration_ms) < 250, `${seconds} s`);
    }
  },

  [`${film.name}: every segment is there, whole and by ranges`]: async () => {
    for (const { address, parsed } of await mediaPlaylists(film)) {
      for (const uri of [parsed.segments[0].map.uri, ...parsed.segments.map((segment) => segment.uri)]) {
        const segment = new URL(uri, address);
        const whole = await fetch(segment);
        assert.equal(whole.status, 200, `${segment}: ${whole.status}`);
        assert.match(whole.headers.get('Content-Type'), /^(video|audio)\/(mp4|iso\.segment)/);
        const bytes = Buffer.from(await whole.arrayBuffer());
        assert.match(bytes.toString('latin1', 4, 8), /ftyp|styp|moof/);
        const part = await fetch(segment, { headers: { Range: 'bytes=4-7' } });
        assert.equal(part.status, 206);
        assert.equal(part.headers.get('Content-Range'), `bytes 4-7/${bytes.length}`);
        assert.equal(await part.text(), bytes.toString('latin1', 4, 8));
      }
    }
  },
});

await run('hls-parser', Object.assign({}, ...films.map(casesOf)));
