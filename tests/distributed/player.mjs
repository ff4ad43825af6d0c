// hls.js in Chromium, on a page of the gateway's own origin.
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { playOn } from '../interop/lib/screen.mjs';

const page = `<!doctype html><title>Player</title><video muted playsinline width="640" height="360"></video>
<script src="/distributed/hls.js"></script>`;

/** Plays a film from its begin and from its middle; where it got to each time, and how bright the picture was. */
export async function play(gateway, source, seconds) {
  const browser = await chromium.launch({
    executablePath: process.env.NEXUS_TEST_CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
  });
  try {
    const tab = await browser.newPage();
    await tab.route('**/distributed/**', async (route) => {
      const isScript = route.request().url().endsWith('.js');
      const body = isScript ? await readFile('node_modules/hls.js/dist/hls.min.js') : page;
      await route.fulfill({ contentType: isScript ? 'text/javascript' : 'text/html', body });
    });
    await tab.goto(`${gateway}/distributed/player.html`);
    await tab.evaluate((address) => new Promise((resolve, reject) => {
      const hls = new Hls();
      hls.on(Hls.Events.ERROR, (_event, data) => data.fatal && reject(new Error(data.details)));
      hls.on(Hls.Events.MANIFEST_PARSED, () => resolve());
      hls.loadSource(address);
      hls.attachMedia(document.querySelector('video'));
    }), source);
    const seen = [];
    for (const second of [0, seconds / 2]) seen.push(await tab.evaluate(playOn, second));
    return seen;
  } finally {
    await browser.close();
  }
}
