// How the console looks and loads: for every page, in both colour schemes, on a desk and on a phone.
import type { Page } from '@playwright/test';
import { expectAccessible, settle } from '../support/accessibility.ts';
import { type Content, Owner } from '../support/api.ts';
import { output } from '../support/places.ts';
import { expect, open, signIn, test } from '../support/test.ts';

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };
const BUDGET = 300_000;

let film: Content;

test.beforeAll(async ({ playwright }) => {
  const request = await playwright.request.newContext({ baseURL: process.env.E2E_URL });
  const api = await Owner.signIn(request);
  film = await api.publish(await api.film('Boats of the old harbour'));
  await request.dispose();
});

const WITHOUT_SESSION = ['/sign-in', '/register', '/setup', '/watch/FILM'];
const WITH_SESSION = ['/', '/media', '/media/FILM', '/people', '/applications', '/keys', '/sign-in-log', '/device', '/mailbox', '/failed-events', '/account', '/no-such-page'];

for (const colorScheme of ['light', 'dark'] as const) {
  test(`every page is accessible and fits a phone, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const path of WITHOUT_SESSION) await inspect(page, path, colorScheme);
    await signIn(page);
    for (const path of WITH_SESSION) await inspect(page, path, colorScheme);
  });
}

async function inspect(page: Page, path: string, scheme: string) {
  const name = path === '/' ? 'home' : path.slice(1).replaceAll('/', '-').toLowerCase();
  await page.setViewportSize(DESK);
  await page.goto(path.replace('FILM', film.id));
  await expect(page.getByRole('heading').first()).toBeVisible();
  await expectAccessible(page);
  await page.screenshot({ path: output(`screenshots/${name}-${scheme}-desk.png`) });
  await page.setViewportSize(PHONE);
  await settle(page);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow, `${path} is wider than a phone`).toBeLessThanOrEqual(0);
  await expectAccessible(page);
  await page.screenshot({ path: output(`screenshots/${name}-${scheme}-phone.png`), fullPage: true });
}

test('on a phone the navigation opens by its button', async ({ page }) => {
  await page.setViewportSize(PHONE);
  await signIn(page);
  await page.getByRole('button', { name: 'Open navigation' }).click();
  await open(page, 'Media');
  await expect(page.getByRole('button', { name: 'Choose files' })).toBeInViewport();
});

test('the colour scheme can be chosen and is remembered', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto('/sign-in');
  const scheme = () => page.evaluate(() => document.documentElement.getAttribute('data-mantine-color-scheme'));
  expect(await scheme()).toBe('light');
  await page.getByRole('button', { name: 'Colour scheme' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  await expect.poll(scheme).toBe('dark');
  await page.reload();
  await expect.poll(scheme).toBe('dark');
});

test('less than 300 kB of JavaScript come over the wire before a player is needed', async ({ page }) => {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  const scripts = new Map<string, { url: string; bytes: number }>();
  session.on('Network.responseReceived', ({ requestId, response }) => {
    if (response.mimeType.includes('javascript')) scripts.set(requestId, { url: response.url, bytes: 0 });
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const script = scripts.get(requestId);
    if (script) script.bytes = encodedDataLength;
  });
  // One load of the page, from sign-in to the library: every script comes once.
  await signIn(page);
  await open(page, 'Account');
  await open(page, 'Media');
  await expect(page.getByRole('region', { name: 'Library' })).toBeVisible();
  const loaded = [...scripts.values()];
  const total = loaded.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(new Set(loaded.map(({ url }) => url)).size).toBe(loaded.length);
  expect(total).toBeGreaterThan(50_000);
  expect(total, JSON.stringify(loaded)).toBeLessThan(BUDGET);

  // The player's own script comes with the first film.
  const before = loaded.length;
  await page.locator(`a[href="/media/${film.id}"]`).click();
  await expect(page.locator('video')).toBeVisible();
  await expect.poll(() => scripts.size).toBeGreaterThan(before);
});
