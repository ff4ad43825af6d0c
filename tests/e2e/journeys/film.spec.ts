import type { Page, Request } from '@playwright/test';
import { Owner } from '../support/api.ts';
import { expectToPlay, look } from '../support/film.ts';
import { Line } from '../support/line.ts';
import { file, output } from '../support/places.ts';
import { expect, open, signIn, test } from '../support/test.ts';

const SLOW = 4_000_000;

test('a film comes over a bad line, is made ready, plays, and is published for everybody', async ({ page, browser, baseURL }) => {
  await signIn(page);
  await open(page, 'Media');
  const line = await Line.of(page);
  const requests = uploadRequests(page);
  await loseAnAnswer(page);

  // It is on its way, and says how fast and how long still.
  await line.carry(SLOW);
  await page.locator('input[type=file]').setInputFiles(file('film.mp4'));
  const upload = page.getByRole('listitem', { name: 'film.mp4' });
  await expect(upload).toContainText(/\d+ % · [\d.]+ .?B of [\d.]+ MB · [\d.]+ .?B\/s · \d+ s left/);

  // The line goes away in the middle of a request, and comes back.
  await line.cut();
  await expect(upload).toContainText('Connection lost');
  await line.carry(SLOW);
  await expect(upload).toContainText(/s left/);

  await upload.getByRole('button', { name: 'Pause film.mp4' }).click();
  await expect(upload).toContainText('Paused');
  await upload.getByRole('button', { name: 'Resume film.mp4' }).click();
  await expect(upload).toContainText(/\d+ %/);
  // Its card shows how far it is on its way to something that plays; on a fast machine only for a moment.
  const card = page.getByRole('article').filter({ hasText: 'film' }).first();
  const progressShown = card.getByRole('progressbar', { name: 'Progress of film' }).waitFor({ timeout: 60_000 });
  await line.free();
  await expect(upload).toContainText('Now in the library', { timeout: 40_000 });
  expectResumed(requests);
  await progressShown;
  await expect(card.locator('img'), 'it has a poster').toBeVisible({ timeout: 60_000 });
  await page.screenshot({ path: output('screenshots/library.png') });

  await card.getByRole('link', { name: 'film' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'film' })).toBeVisible();
  const video = page.locator('video');
  await expect(video).toHaveAttribute('controls');
  await video.focus();
  await page.keyboard.press('k');
  await expectToPlay(video);
  await page.screenshot({ path: output('screenshots/item.png') });

  // The quality can be chosen.
  await page.getByRole('button', { name: /^Quality/ }).click();
  await page.getByRole('menuitemradio', { name: '240p' }).click();
  await expect.poll(async () => (await look(video)).height, 'it becomes less sharp').toBe(240);

  // Title and audience are edited, and it is published.
  await page.getByLabel('Title').fill('Rehearsal in the old harbour');
  await page.getByLabel('Description').fill('The whole evening, in one take.');
  await page.getByRole('radio', { name: /^Public/ }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Rehearsal in the old harbour' })).toBeVisible();
  const link = await page.getByLabel('Link to watch').inputValue();

  // Until then it is there for nobody else.
  const stranger = await (await browser.newContext({ baseURL })).newPage();
  await stranger.goto(link);
  await expect(stranger.getByRole('heading', { name: 'This film is not available' })).toBeVisible();

  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Unpublish' })).toBeVisible();

  await stranger.reload();
  await expect(stranger.getByRole('heading', { level: 1, name: 'Rehearsal in the old harbour' })).toBeVisible();
  const watched = stranger.locator('video');
  await expect(watched).toHaveAttribute('controls');
  await watched.focus();
  await stranger.keyboard.press('Space');
  await expectToPlay(watched);
  await stranger.screenshot({ path: output('screenshots/watch.png') });

  await page.getByRole('button', { name: 'Unpublish' }).click();
  await expect(page.getByRole('button', { name: 'Publish', exact: true })).toBeVisible();
  await stranger.reload();
  await expect(stranger.getByRole('heading', { name: 'This film is not available' })).toBeVisible();
  await stranger.context().close();
});

test('the link to watch is copied', async ({ page, context, request }) => {
  const film = await (await Owner.signIn(request)).film('Copied');
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page);
  await page.goto(`/media/${film.id}`);
  await page.getByRole('button', { name: 'Copy link' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(new RegExp(`/watch/${film.id}$`));
});

test('an edit that somebody else overtook is shown, and overwrites nothing unasked', async ({ page, request }) => {
  const api = await Owner.signIn(request);
  const film = await api.film('Contested');
  await signIn(page);
  await page.goto(`/media/${film.id}`);
  await page.getByLabel('Title').fill('Mine');
  await api.change(film, { title: 'Theirs' });
  await page.getByRole('button', { name: 'Save' }).click();
  const conflict = page.getByRole('alert').filter({ hasText: 'Somebody else changed this' });
  await expect(conflict).toContainText('Theirs');
  await expect(page.getByLabel('Title'), 'what was typed is kept').toHaveValue('Mine');
  await conflict.getByRole('button', { name: 'Save mine instead' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Mine' })).toBeVisible();
  await expect(conflict).toHaveCount(0);
});

test('a film is found by its title, and deleted after a question', async ({ page, request }) => {
  const film = await (await Owner.signIn(request)).film('Lighthouse at dawn');
  await signIn(page);
  await open(page, 'Media');
  await page.getByLabel('Search titles and descriptions').fill('LIGHTHOUSE');
  const cards = page.getByRole('region', { name: 'Library' }).getByRole('article');
  await expect(cards).toHaveCount(1);
  await page.getByText('Published', { exact: true }).first().click();
  await expect(page.getByRole('heading', { name: 'Nothing matches' })).toBeVisible();
  await page.getByText('Drafts', { exact: true }).click();
  await cards.getByRole('link', { name: film.title }).click();

  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Media' })).toBeVisible();
  await page.goto(`/media/${film.id}`);
  await expect(page.getByRole('heading', { name: 'There is no such film' })).toBeVisible();
});

/** The first answer to a chunk is lost on its way: the client can't know whether the server has the bytes. */
async function loseAnAnswer(page: Page) {
  const once = { times: 1 };
  await page.route('**/api/dsp/upload/files/*', async (route) => (await route.fetch(), route.abort('connectionreset')), once);
}

function uploadRequests(page: Page): Request[] {
  const requests: Request[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/api/dsp/upload/files')) requests.push(request);
  });
  return requests;
}

/** One upload was made, and what the server had was not sent again: every part but the first begins further on. */
function expectResumed(requests: Request[]) {
  expect(requests.filter((request) => request.method() === 'POST')).toHaveLength(1);
  const parts = requests.filter((request) => request.method() === 'PATCH');
  const offsets = parts.map((request) => Number(request.headers()['upload-offset']));
  expect(offsets.length).toBeGreaterThan(5);
  expect(offsets.filter((offset) => offset === 0)).toHaveLength(1);
  expect(offsets).toEqual(offsets.toSorted((one, other) => one - other));
}
