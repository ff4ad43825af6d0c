import { expect, open, signIn, test } from '../support/test.ts';

test('signing out everywhere ends every session within seconds', async ({ page, browser, baseURL }) => {
  const elsewhere = await (await browser.newContext({ baseURL })).newPage();
  await signIn(elsewhere);
  await signIn(page);
  await open(page, 'Account');
  const sessions = page.getByRole('region', { name: 'Sessions' }).getByRole('listitem');
  await expect(sessions.filter({ hasText: 'This one' })).toHaveCount(1);
  expect(await sessions.count()).toBeGreaterThan(1);

  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  await expect(elsewhere, 'the other browser is out too').toHaveURL(/\/sign-in/, { timeout: 10_000 });
  await expect(elsewhere.getByText('Your session has ended')).toBeVisible();
  await elsewhere.context().close();
});

test('one session is ended from another', async ({ page, browser, baseURL }) => {
  const elsewhere = await (await browser.newContext({ baseURL })).newPage();
  await signIn(page);
  await signIn(elsewhere);
  await open(page, 'Account');
  const others = page.getByRole('region', { name: 'Sessions' }).getByRole('button', { name: /^End the session/ });
  // The newest comes first, and it is the other browser's.
  await others.first().click();
  await expect(elsewhere).toHaveURL(/\/sign-in/, { timeout: 10_000 });
  await page.reload();
  await expect(page.getByRole('heading', { level: 1, name: 'Account' })).toBeVisible();
  await elsewhere.context().close();
});
