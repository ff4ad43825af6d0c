// What every journey begins with: the system's address, and a look at what no page may do.
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test';

export const owner = {
  organisation: 'Harbour Films',
  name: 'Ada Mole',
  email: 'ada@harbour.example',
  password: 'correct horse battery staple',
};

export const test = base.extend<{ flawless: void }>({
  // Playwright reads the names of fixtures from the pattern, empty as it may be.
  baseURL: async ({}, use) => use(process.env.E2E_URL),

  /** No page throws, and none asks for what the security policy forbids. */
  flawless: [
    async ({ context }, use) => {
      const flaws: string[] = [];
      watch(context, flaws);
      await use();
      expect(flaws).toEqual([]);
    },
    { auto: true },
  ],
});

function watch(context: BrowserContext, flaws: string[]) {
  context.on('weberror', (error) => flaws.push(error.error().message));
  context.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) flaws.push(message.text());
  });
}

/** Signs the owner in as a person does. */
export async function signIn(page: Page) {
  await page.goto('/sign-in');
  await page.getByLabel('E-mail').fill(owner.email);
  await page.getByLabel('Password', { exact: true }).fill(owner.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();
}

/** Goes to a page by the navigation. */
export async function open(page: Page, name: string) {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
}

export { expect };
