import { expect, open, owner, signIn, test } from '../support/test.ts';

test('a person signs in, stays signed in over a reload, and signs out', async ({ page }) => {
  await page.goto('/media');
  await expect(page).toHaveURL(/\/sign-in/);
  await page.getByLabel('E-mail').fill(owner.email);
  await page.getByLabel('Password', { exact: true }).fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('wrong');

  await page.getByLabel('Password', { exact: true }).fill(owner.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Media' }), 'back where the person wanted to go').toBeVisible();

  await page.reload();
  await expect(page.getByRole('heading', { level: 1, name: 'Media' })).toBeVisible();

  await page.getByRole('button', { name: `Account of ${owner.name}` }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  await page.goto('/');
  await expect(page).toHaveURL(/\/sign-in/);
});

test('the home page shows every service, healthy', async ({ page }) => {
  await signIn(page);
  const services = page.getByRole('article');
  for (const name of ['auth-service', 'auth-service-v2', 'user-auth', 'session-mgr', 'token-mgr', 'key-service', 'content-management', 'streamcore',
    'streaming-service-v2', 'puabo-dsp-upload-mgr']) {
    await expect(services.and(page.getByLabel(name, { exact: true })).getByText('up', { exact: true })).toBeVisible();
  }
  await expect(services.getByText('down', { exact: true })).toHaveCount(0);
  await expect(page.getByText(/^(\d+) of \1$/)).toBeVisible();
});

test('the keyboard alone is enough to sign in and to get around', async ({ page }) => {
  await page.goto('/sign-in');
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
  const email = page.getByLabel('E-mail');
  const password = page.getByLabel('Password', { exact: true });
  await reach(email);
  await page.keyboard.type(owner.email);
  await reach(password);
  await page.keyboard.type(owner.password);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();

  const media = page.getByRole('navigation').getByRole('link', { name: 'Media', exact: true });
  await reach(media);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Media' })).toBeVisible();
  await reach(page.getByRole('button', { name: 'Choose files' }));

  /** Presses Tab until the focus is there. */
  async function reach(target: ReturnType<typeof page.locator>) {
    for (let presses = 0; presses < 60; presses += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await page.keyboard.press('Tab');
    }
    await expect(target, 'Tab never gets there').toBeFocused();
  }
});

test('every page of the navigation opens', async ({ page }) => {
  await signIn(page);
  for (const name of ['Media', 'People', 'Applications', 'Keys and secrets', 'Sign-in log', 'Mailbox', 'Failed events',
    'Account', 'Home']) await open(page, name);
});
