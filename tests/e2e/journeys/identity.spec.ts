// How people sign in, and how they run who may: codes, invitations, groups, applications, tokens, keys, the log.
import type { Page } from '@playwright/test';
import { code } from '../support/authenticator.ts';
import { Owner } from '../support/api.ts';
import { expect, open, owner, signIn, test } from '../support/test.ts';

const PASSWORD = 'lanterns over the quiet water';

/** The newest mail to an address: the link in it. */
async function linkTo(page: Page, email: string, path: string): Promise<string> {
  const api = await Owner.signIn(page.request);
  let link: string | undefined;
  await expect
    .poll(async () => {
      link = (await api.mails()).find(({ to, text }) => to === email && text.includes(`/${path}?`))?.text
        .match(/https?:\S+/g)?.find((address) => address.includes(`/${path}?`));
      return link;
    }, 'the mail comes')
    .toBeDefined();
  const { pathname, search } = new URL(link ?? '');
  return pathname + search;
}

/** Invites somebody and lets them join; their browser, signed in. */
async function join(page: Page, their: Page, email: string, name: string) {
  await open(page, 'People');
  await page.getByRole('button', { name: 'Invite' }).click();
  await page.getByRole('dialog').getByLabel('E-mail').fill(email);
  await page.getByRole('button', { name: 'Send invitation' }).click();
  await expect(page.getByText(`An invitation is on its way to ${email}.`)).toBeVisible();

  await their.goto(await linkTo(page, email, 'invitation'));
  await their.getByLabel('Your name').fill(name);
  await their.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await their.getByRole('button', { name: 'Join' }).click();
  await their.getByRole('link', { name: 'Sign in' }).click();
  await expect(their.getByLabel('E-mail')).toHaveValue(email);
  await their.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await their.getByRole('button', { name: 'Sign in' }).click();
  await expect(their.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();
}

test('somebody is invited, put into a group, and kept out again', async ({ page, browser, baseURL }) => {
  await signIn(page);
  const their = await (await browser.newContext({ baseURL })).newPage();
  await join(page, their, 'grace@harbour.example', 'Grace Tide');

  await open(page, 'People');
  await page.getByRole('tab', { name: 'Groups' }).click();
  await page.getByRole('button', { name: 'New group' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Cutting room');
  await page.getByRole('button', { name: 'Make group' }).click();
  await page.getByRole('button', { name: 'Members of Cutting room' }).click();
  await page.getByRole('dialog').getByLabel('Add somebody').click();
  await page.getByRole('option', { name: /^Grace Tide/ }).click();
  await expect(page.getByRole('dialog').getByRole('listitem').filter({ hasText: 'Grace Tide' })).toBeVisible();
  await page.keyboard.press('Escape');

  // The list was read before they came.
  await page.reload();
  await page.getByRole('button', { name: 'Deactivate Grace Tide' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
  await expect(their, 'the session ends').toHaveURL(/\/sign-in/, { timeout: 10_000 });
  await expect(page.getByText('Deactivated')).toBeVisible();
  await their.context().close();
});

test('an authenticator app becomes the second step of a sign-in', async ({ page, browser, baseURL }) => {
  await signIn(page);
  const their = await (await browser.newContext({ baseURL })).newPage();
  await join(page, their, 'linus@harbour.example', 'Linus Reed');
  await open(their, 'Account');
  await their.getByRole('button', { name: 'Set up an authenticator app' }).click();
  await expect(their.getByRole('img', { name: /^QR code/ })).toBeVisible();
  const secret = (await their.getByRole('dialog').locator('code').innerText()).trim();
  await their.getByLabel('The code that the app shows now').fill(code(secret));
  await their.getByRole('button', { name: 'Confirm' }).click();
  const codes = their.getByRole('dialog').getByRole('listitem');
  await expect(codes).toHaveCount(10);
  const recovery = (await codes.first().innerText()).trim();
  await their.getByRole('button', { name: 'I have kept them' }).click();
  await expect(their.getByRole('region', { name: 'Two-step sign-in' }).getByText('On', { exact: true })).toBeVisible();

  await their.getByRole('button', { name: 'Account of Linus Reed' }).click();
  await their.getByRole('menuitem', { name: 'Sign out' }).click();
  await their.getByLabel('E-mail').fill('linus@harbour.example');
  await their.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await their.getByRole('button', { name: 'Sign in' }).click();
  await their.getByLabel('Code').fill('000000');
  await their.getByRole('button', { name: 'Sign in' }).click();
  await expect(their.getByText(/code is wrong/i)).toBeVisible();
  await their.getByLabel('Code').fill(recovery);
  await their.getByRole('button', { name: 'Sign in' }).click();
  await expect(their.getByRole('heading', { level: 1, name: 'Account' }), 'back where they were').toBeVisible();
  await their.context().close();
});

test('a mailed link signs in the browser that asked for it, and no other', async ({ page, browser, baseURL }) => {
  await signIn(page);
  const their = await (await browser.newContext({ baseURL })).newPage();
  const email = 'marit@harbour.example';
  await join(page, their, email, 'Marit Sand');
  await their.getByRole('button', { name: 'Account of Marit Sand' }).click();
  await their.getByRole('menuitem', { name: 'Sign out' }).click();
  await their.getByLabel('E-mail').fill(email);
  await their.getByRole('button', { name: 'Mail me a link instead' }).click();
  await expect(their.getByText(/a link is on its way/)).toBeVisible();
  const link = await linkTo(page, email, 'sign-in-link');
  const thief = await (await browser.newContext({ baseURL })).newPage();
  await thief.goto(link);
  await expect(thief.getByRole('heading', { level: 1, name: 'That did not work' })).toBeVisible();
  await thief.context().close();
  await their.goto(link);
  await expect(their.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();
  await their.context().close();
});

test('an application is made, and a person lets it act for them', async ({ page }) => {
  await signIn(page);
  await open(page, 'Applications');
  await page.getByRole('button', { name: 'New application' }).first().click();
  const drawer = page.getByRole('dialog');
  await drawer.getByLabel('Name').fill('Newsroom');
  await drawer.getByLabel('Redirect URIs', { exact: true }).fill('https://newsroom.example/callback');
  await drawer.getByRole('button', { name: 'Make application' }).click();
  await expect(drawer.getByText('The client secret')).toBeVisible();
  await expect(drawer.getByText('openid-client').first()).toBeVisible();
  const client = (await drawer.locator('pre').innerText()).match(/[0-9a-f]{8}-[0-9a-f-]{27}/)?.[0] ?? '';

  // The application itself: what it is told is in the address that it is sent.
  const arrived = page.waitForRequest((request) => request.url().startsWith('https://newsroom.example/callback'));
  await page.route('https://newsroom.example/**', (route) => route.fulfill({ body: 'The newsroom' }));
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client,
    redirect_uri: 'https://newsroom.example/callback',
    scope: 'openid email',
    state: 'af0ifjsldkj',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  });
  await page.goto(`/oauth2/authorize?${query}`);
  await expect(page.getByRole('heading', { level: 1, name: 'Let Newsroom act for you?' })).toBeVisible();
  await expect(page.getByText('See your e-mail address')).toBeVisible();
  await page.getByRole('button', { name: 'Yes' }).click();
  const answer = new URL((await arrived).url());
  expect(answer.searchParams.get('state')).toBe('af0ifjsldkj');
  expect(answer.searchParams.get('code')).toBeTruthy();

  await page.goto('/account');
  const connected = page.getByRole('region', { name: 'Connected applications' });
  await connected.getByRole('button', { name: 'Disconnect' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
  await expect(connected.getByText('No application acts for you.')).toBeVisible();
});

test('a personal token works for what it is for, until it is revoked', async ({ page }) => {
  await signIn(page);
  await open(page, 'Account');
  const tokens = page.getByRole('region', { name: 'Personal access tokens' });
  await tokens.getByRole('button', { name: 'New token' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Nightly look');
  await page.getByRole('dialog').getByLabel('What it may do').fill('content-management');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.getByRole('button', { name: 'Make token' }).click();
  const token = (await page.getByRole('dialog').locator('pre').innerText()).trim();
  await page.getByRole('button', { name: 'I have kept it' }).click();

  const ask = async (path: string) => {
    const reply = await page.request.get(path, { headers: { Authorization: `Bearer ${token}` } });
    return reply.status();
  };
  expect(await ask('/api/content')).toBe(200);
  expect(await ask('/api/users')).toBe(403);
  await tokens.getByRole('button', { name: 'Revoke Nightly look' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(tokens.getByText('Nightly look')).toHaveCount(0);
  await expect.poll(() => ask('/api/content')).toBe(401);
});

test('keys are made and rotated, and a secret is written and read', async ({ page }) => {
  await signIn(page);
  await open(page, 'Keys and secrets');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('orders');
  await page.getByRole('button', { name: 'Make key' }).click();
  const row = page.getByRole('listitem').filter({ hasText: 'orders' });
  await expect(row).toContainText('version 1');
  await row.getByRole('button', { name: 'Rotate' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
  await expect(row).toContainText('version 2');

  await page.getByRole('tab', { name: 'Secrets' }).click();
  await page.getByRole('button', { name: 'New secret' }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByLabel('Path').fill('shared/mail');
  await drawer.getByLabel('Name', { exact: true }).fill('password');
  await drawer.getByLabel('Value', { exact: true }).fill('not for everybody');
  await drawer.getByRole('button', { name: 'Write' }).click();
  await page.getByRole('button', { name: 'shared/' }).click();
  await page.getByRole('button', { name: 'mail', exact: true }).click();
  await expect(drawer.getByLabel('Value', { exact: true })).toHaveValue('not for everybody');
  await page.keyboard.press('Escape');

  await page.getByRole('tab', { name: 'Log' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'secret/shared/mail' }).first()).toBeVisible();
});

test('the sign-in log tells of a wrong password, and is exported', async ({ page }) => {
  await page.request.post('/api/auth/login', { data: { email: owner.email, password: 'not the password' } });
  await signIn(page);
  await open(page, 'Sign-in log');
  await page.getByLabel('Outcome').first().click();
  await page.getByRole('option', { name: 'Failed' }).click();
  await expect(page.getByRole('row').filter({ hasText: owner.name }).first()).toContainText('failed');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  expect((await download).suggestedFilename()).toBe('sign-ins.csv');
});
