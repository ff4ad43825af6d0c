// hls.js and Shaka Player in Chromium: they play, seek and switch quality, from public and from signed addresses.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { run } from '../lib/cases.mjs';
import { url } from '../lib/nexus.mjs';
import { playOn } from '../lib/screen.mjs';

const films = JSON.parse(process.env.NEXUS_FILMS);
const scripts = {
  '/interop/hls.js': 'node_modules/hls.js/dist/hls.min.js',
  '/interop/shaka.js': 'node_modules/shaka-player/dist/shaka-player.compiled.js',
};
const page = `<!doctype html><title>Player</title><video muted playsinline width="640" height="360"></video>
<script src="/interop/hls.js"></script><script src="/interop/shaka.js"></script>`;

const browser = await chromium.launch({
  executablePath: process.env.NEXUS_TEST_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
});

/** What a player can be asked to do; each runs inside the page. */
const players = {
  'hls.js': {
    load: (source) =>
      new Promise((resolve, reject) => {
        const video = document.querySelector('video');
        const hls = new Hls();
        hls.on(Hls.Events.ERROR, (_event, data) => data.fatal && reject(new Error(data.details)));
        hls.on(Hls.Events.MANIFEST_PARSED, () => resolve());
        hls.loadSource(source);
        hls.attachMedia(video);
        globalThis.player = { heights: () => hls.levels.map((level) => level.height), choose: (height) => {
          hls.currentLevel = hls.levels.findIndex((level) => level.height === height);
        } };
      }),
  },
  'shaka-player': {
    load: async (source) => {
      const shakaPlayer = new shaka.Player();
      await shakaPlayer.attach(document.querySelector('video'));
      // Shaka gives up at most problems; a warning is enough to fail here.
      const failed = new Promise((_resolve, reject) =>
        shakaPlayer.addEventListener('error', (event) => reject(new Error(`Shaka error ${event.detail.code}`))));
      await Promise.race([shakaPlayer.load(source), failed]);
      globalThis.player = { heights: () => shakaPlayer.getVariantTracks().map((track) => track.height), choose: (height) => {
        shakaPlayer.configure({ abr: { enabled: false } });
        shakaPlayer.selectVariantTrack(shakaPlayer.getVariantTracks().find((track) => track.height === height), true);
      } };
    },
  },
};

/** A page of the system's own origin, signed in to nothing, with both players. */
async function open(use) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  await tab.route('**/interop/**', async (route) => {
    const { pathname } = new URL(route.request().url());
    await (pathname in scripts
      ? route.fulfill({ contentType: 'text/javascript', body: await readFile(scripts[pathname]) })
      : route.fulfill({ contentType: 'text/html', body: page }));
  });
  try {
    await tab.goto(`${url}/interop/player.html`);
    return await use(tab);
  } finally {
    await context.close();
  }
}

const casesOf = ([name, { load }]) => Object.fromEntries([
  ...films.map((film) => [`plays ${film.name}, ${film.content.title}, with picture and sound`, () => open(async (tab) => {
    await tab.evaluate(load, film.playback.hls_url);
    const seen = await tab.evaluate(playOn);
    assert.ok(seen.time > seen.from && seen.brightest > 200 && seen.sound > 0, JSON.stringify(seen));
  })]),
  ['seeks forward and back', () => open(async (tab) => {
    await tab.evaluate(load, films[0].playback.hls_url);
    for (const second of [7, 1]) {
      await tab.evaluate((to) => { document.querySelector('video').currentTime = to; }, second);
      const seen = await tab.evaluate(playOn);
      assert.ok(seen.time > second && seen.time < second + 2, JSON.stringify(seen));
    }
  })],
  ['switches to every quality', () => open(async (tab) => {
    await tab.evaluate(load, films[0].playback.hls_url);
    const heights = [...new Set(await tab.evaluate(() => globalThis.player.heights()))];
    assert.ok(heights.length >= 2, `qualities: ${heights}`);
    for (const height of heights) {
      await tab.evaluate((wanted) => {
        document.querySelector('video').currentTime = 0;
        globalThis.player.choose(wanted);
      }, height);
      await tab.waitForFunction((wanted) => document.querySelector('video').videoHeight === wanted, height);
      assert.equal((await tab.evaluate(playOn)).height, height);
    }
  })],
  ['gets nothing from an address whose signature was changed', () => open(async (tab) => {
    const signed = films[1].playback.hls_url.split('/');
    const access = signed.at(-2);
    const other = access.at(5) === 'A' ? 'B' : 'A';
    signed[signed.length - 2] = access.slice(0, 5) + other + access.slice(6);
    assert.ok([401, 403, 404].includes((await fetch(new URL(signed.join('/'), url))).status));
    await assert.rejects(tab.evaluate(load, signed.join('/')));
  })],
]);

for (const player of Object.entries(players)) await run(player[0], casesOf(player));
await browser.close();
