// ffprobe and ffmpeg, as somebody who gives them the address.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { run } from '../lib/cases.mjs';
import { url } from '../lib/nexus.mjs';

const execute = promisify(execFile);
const films = JSON.parse(process.env.NEXUS_FILMS);
const address = (path) => new URL(path, url).href;

async function probe(source) {
  const { stdout } = await execute('ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', source]);
  return JSON.parse(stdout);
}

const casesOf = (film) => ({
  [`${film.name}: has picture and sound of the announced length`]: async () => {
    const { streams, format } = await probe(address(film.playback.hls_url));
    const codecs = new Set(streams.map((stream) => stream.codec_name));
    assert.deepEqual([...codecs].sort(), ['aac', 'h264']);
    assert.ok(Math.abs(Number(format.duration) * 1_000 - film.playback.duration_ms) < 250, format.duration);
  },

  [`${film.name}: decodes to its end without a complaint`]: async () => {
    const all = ['-v', 'error', '-xerror', '-i', address(film.playback.hls_url), '-map', '0', '-f', 'null', '-'];
    const { stderr } = await execute('ffmpeg', all);
    assert.equal(stderr, '');
  },

  [`${film.name}: its poster is a picture of the film's shape`]: async () => {
    const { streams } = await probe(address(film.playback.poster_url));
    assert.equal(streams[0].codec_name, 'mjpeg');
    assert.ok(Math.abs(streams[0].width / streams[0].height - 16 / 9) < 0.02);
  },
});

await run('ffprobe', Object.assign({}, ...films.map(casesOf)));
