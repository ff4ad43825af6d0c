import { expect, owner, test } from '../support/test.ts';

test('the set-up link makes the owner, once', async ({ page }) => {
  const link = process.env.E2E_SETUP_LINK ?? '';
  await page.goto(link);
  await expect(page.getByRole('heading', { level: 1, name: 'Set up Nexus COS' })).toBeVisible();

  await page.getByLabel('Organisation').fill(owner.organisation);
  await page.getByLabel('Your name').fill(owner.name);
  await page.getByLabel('E-mail').fill('not an address');
  await page.getByLabel('Password', { exact: true }).fill('short');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByText('That is not an e-mail address')).toBeVisible();

  await page.getByLabel('E-mail').fill(owner.email);
  await page.getByLabel('Password', { exact: true }).fill(owner.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();

  await page.goto(link);
  await expect(page.getByRole('heading', { level: 1, name: 'Already set up' })).toBeVisible();
});
