import { Line } from '../support/line.ts';
import { file } from '../support/places.ts';
import { expect, open, signIn, test } from '../support/test.ts';

test('an upload that a reload interrupted goes on when the same file is chosen again', async ({ page }) => {
  await signIn(page);
  await open(page, 'Media');
  const line = await Line.of(page);
  await line.carry(4_000_000);
  const files = page.locator('input[type=file]');
  await files.setInputFiles(file('reloaded.mp4'));
  const upload = page.getByRole('listitem', { name: 'reloaded.mp4' });
  // More than one chunk is there for good.
  await expect(upload.getByRole('progressbar')).toHaveAttribute('aria-valuenow', /^([3-9]\d)$/);
  await page.reload();
  await expect(upload).toContainText('Interrupted');
  await expect(upload).toContainText('Choose the same file again');

  const resumed = page.waitForRequest((request) => request.method() === 'PATCH');
  await files.setInputFiles(file('reloaded.mp4'));
  expect(Number((await resumed).headers()['upload-offset'])).toBeGreaterThan(4_000_000);
  await expect(upload).toHaveCount(1);
  await line.free();
  await expect(upload).toContainText('Now in the library', { timeout: 40_000 });
  await upload.getByRole('button', { name: 'Hide reloaded.mp4' }).click();
  await expect(upload).toHaveCount(0);
});

test('a cancelled upload is gone, at the server too', async ({ page }) => {
  await signIn(page);
  await open(page, 'Media');
  const line = await Line.of(page);
  await line.carry(2_000_000);
  await page.locator('input[type=file]').setInputFiles(file('cancelled.mp4'));
  const upload = page.getByRole('listitem', { name: 'cancelled.mp4' });
  await expect(upload).toContainText(/s left/);
  const removed = page.waitForResponse((response) => response.request().method() === 'DELETE');
  await upload.getByRole('button', { name: 'Cancel cancelled.mp4' }).click();
  expect((await removed).status()).toBe(204);
  await expect(upload).toHaveCount(0);
  await line.free();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Choose files' })).toBeVisible();
  await expect(upload).toHaveCount(0);
});

test('a text that is named as a film is refused with the reason, a file without a byte too', async ({ page }) => {
  await signIn(page);
  await open(page, 'Media');
  await page.locator('input[type=file]').setInputFiles([file('letter.mp4'), file('nothing.mp4')]);
  const letter = page.getByRole('listitem', { name: 'letter.mp4' });
  await expect(letter.getByRole('alert')).toContainText('The file is a text and no video or sound');
  const nothing = page.getByRole('listitem', { name: 'nothing.mp4' });
  await expect(nothing.getByRole('alert')).toContainText('The file is empty');

  await letter.getByRole('button', { name: 'Hide letter.mp4' }).click();
  await expect(letter).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole('button', { name: 'Choose files' })).toBeVisible();
  await expect(letter).toHaveCount(0);
});

test('a film that was cut off on its way to here says so', async ({ page }) => {
  await signIn(page);
  await open(page, 'Media');
  await page.locator('input[type=file]').setInputFiles(file('truncated.mp4'));
  const upload = page.getByRole('listitem', { name: 'truncated.mp4' });
  // The file arrived whole, so it is in the library until it is looked into, which may be before this looks.
  await expect(upload).toContainText(/Now in the library|incomplete|cut off/);
  await page.getByRole('article').getByRole('link', { name: 'truncated' }).click();
  await expect(page.getByRole('alert').filter({ hasText: "can't be played" })).toContainText(/incomplete|cut off/, { timeout: 60_000 });
  await expect(page.getByRole('button', { name: 'Publish', exact: true })).toBeDisabled();
});

test('a film dropped on the page is uploaded', async ({ page }) => {
  await signIn(page);
  await open(page, 'Media');
  const transfer = await page.evaluateHandle(() => {
    const carried = new DataTransfer();
    carried.items.add(new File(['Dear reader'], 'dropped.mp4', { type: 'video/mp4' }));
    return carried;
  });
  await page.dispatchEvent('main', 'dragover', { dataTransfer: transfer });
  await expect(page.getByText('Let go to upload')).toBeVisible();
  await page.dispatchEvent('main', 'drop', { dataTransfer: transfer });
  const upload = page.getByRole('listitem', { name: 'dropped.mp4' });
  await expect(upload.getByRole('alert')).toContainText('is a text');
  await upload.getByRole('button', { name: 'Hide dropped.mp4' }).click();
});
