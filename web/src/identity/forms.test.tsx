import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { sessionState, signedOut } from '../session/session';
import { renderPage } from '../test/render';
import { serve } from '../test/server';
import { Register } from './Register';
import { Setup } from './Setup';
import { SignIn } from './SignIn';
import { Verify } from './Verify';

const user = userEvent.setup();
const tokens = { access_token: 'a.b.c', token_type: 'Bearer', expires_in: 300, session_id: 's1' };
const setUp = { 'GET /api/users/setup': () => ({ body: { needed: false } }) };

beforeEach(signedOut);

async function fill(fields: Record<string, string>) {
  for (const [label, text] of Object.entries(fields)) await user.type(screen.getByLabelText(label), text);
}
const press = (name: string) => user.click(screen.getByRole('button', { name }));

describe('sign-in', () => {
  it('says what is missing, sends nothing, and takes the cursor to the first field', async () => {
    const server = serve(setUp);
    renderPage(<SignIn />, { at: '/sign-in' });
    await fill({ 'E-mail': 'ada' });
    await press('Sign in');
    expect(screen.getByText('That is not an e-mail address')).toBeTruthy();
    expect(screen.getByText('Enter your password')).toBeTruthy();
    expect(screen.getByLabelText('E-mail').getAttribute('aria-invalid')).toBe('true');
    expect(document.activeElement).toBe(screen.getByLabelText('E-mail'));
    expect(server.count('POST /api/auth/login')).toBe(0);
  });

  it('signs in and goes on', async () => {
    const server = serve({ ...setUp, 'POST /api/auth/login': () => ({ body: tokens }) });
    renderPage(<SignIn />, { at: '/sign-in' });
    await fill({ 'E-mail': 'ada@example.com', Password: 'correct horse battery' });
    await press('Sign in');
    expect(await screen.findByText('another page')).toBeTruthy();
    expect(sessionState().status).toBe('signed-in');
    expect(server.sent.at(-1)?.body).toEqual({ email: 'ada@example.com', password: 'correct horse battery' });
  });

  it('does not say which of the two is wrong', async () => {
    serve({ ...setUp, 'POST /api/auth/login': () => ({ status: 401, body: { code: 'invalid-credentials' } }) });
    renderPage(<SignIn />, { at: '/sign-in' });
    await fill({ 'E-mail': 'ada@example.com', Password: 'wrong' });
    await press('Sign in');
    expect((await screen.findByRole('alert')).textContent).toContain('address or the password is wrong');
  });

  it('waits as long as a locked account has to', async () => {
    const locked = { status: 429, body: { code: 'locked' }, headers: { 'retry-after': '30' } };
    serve({ ...setUp, 'POST /api/auth/login': () => locked });
    renderPage(<SignIn />, { at: '/sign-in' });
    await fill({ 'E-mail': 'ada@example.com', Password: 'wrong' });
    await press('Sign in');
    const button = await screen.findByRole('button', { name: /Wait \d+ s/ });
    expect((button as HTMLButtonElement).disabled).toBe(true);
  });

  it('offers another mail to who has not confirmed the address', async () => {
    const server = serve({
      ...setUp,
      'POST /api/auth/login': () => ({ status: 403, body: { code: 'email-not-verified' } }),
      'POST /api/auth/verify/resend': () => ({ status: 202, body: {} }),
    });
    renderPage(<SignIn />, { at: '/sign-in' });
    await fill({ 'E-mail': 'ada@example.com', Password: 'correct horse battery' });
    await press('Sign in');
    await user.click(await screen.findByRole('button', { name: 'Send the mail again' }));
    await screen.findByText(/^Sent/);
    expect(server.sent.at(-1)?.body).toEqual({ email: 'ada@example.com' });
  });

  it('tells who started the program where to begin', async () => {
    serve({ 'GET /api/users/setup': () => ({ body: { needed: true } }) });
    renderPage(<SignIn />, { at: '/sign-in' });
    expect(await screen.findByText('This cloud has no owner yet')).toBeTruthy();
  });
});

describe('registration', () => {
  it('shows at its field what the server finds wrong', async () => {
    const errors = [{ field: 'password', message: 'is one of the most common passwords; choose another' }];
    serve({ 'POST /api/auth/register': () => ({ status: 422, body: { code: 'validation-failed', errors } }) });
    renderPage(<Register />, { at: '/register' });
    await fill({ 'Your name': 'Ada', 'E-mail': 'ada@example.com', Password: 'password1' });
    await press('Register');
    expect(await screen.findByText('Is one of the most common passwords; choose another')).toBeTruthy();
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('shows the detail and the request when it is closed', async () => {
    const body = { code: 'registration-closed', title: 'Not allowed', detail: 'nobody can register here' };
    serve({ 'POST /api/auth/register': () => ({ status: 403, body, headers: { 'x-request-id': '0199-4711' } }) });
    renderPage(<Register />, { at: '/register' });
    await fill({ 'Your name': 'Ada', 'E-mail': 'ada@example.com', Password: 'correct horse' });
    await press('Register');
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('Nobody can register here');
    expect(alert.textContent).toContain('0199-4711');
  });

  it('sends people to their mail', async () => {
    serve({ 'POST /api/auth/register': () => ({ status: 202, body: {} }) });
    renderPage(<Register />, { at: '/register' });
    await fill({ 'Your name': 'Ada', 'E-mail': 'ada@example.com', Password: 'correct horse' });
    await press('Register');
    expect(await screen.findByRole('heading', { name: 'Check your mail' })).toBeTruthy();
    expect(screen.getByText('ada@example.com')).toBeTruthy();
  });
});

describe('set-up', () => {
  const needed = { 'GET /api/users/setup': () => ({ body: { needed: true } }) };

  it('makes the owner, signs in and goes home', async () => {
    const server = serve({
      ...needed,
      'POST /api/users/setup': () => ({ status: 201, body: {} }),
      'POST /api/auth/login': () => ({ body: tokens }),
    });
    renderPage(<Setup />, { at: '/setup?token=key' });
    await screen.findByLabelText('Organisation');
    await fill({ Organisation: 'Harbour Films', 'Your name': 'Ada', 'E-mail': 'ada@example.com' });
    await fill({ Password: 'correct horse battery' });
    await press('Create account');
    expect(await screen.findByText('another page')).toBeTruthy();
    expect(sessionState().status).toBe('signed-in');
    expect(server.sent.find(({ route }) => route === 'POST /api/users/setup')?.body).toEqual({
      token: 'key',
      organisation: 'Harbour Films',
      name: 'Ada',
      email: 'ada@example.com',
      password: 'correct horse battery',
    });
  });

  it('is not offered without its key, nor twice', async () => {
    serve(needed);
    renderPage(<Setup />, { at: '/setup' });
    expect(await screen.findByText('Open the link that was printed')).toBeTruthy();
    expect(screen.queryByLabelText('Organisation')).toBeNull();
  });

  it('leads to sign-in once it is done', async () => {
    serve(setUp);
    renderPage(<Setup />, { at: '/setup?token=key' });
    expect(await screen.findByRole('heading', { name: 'Already set up' })).toBeTruthy();
  });
});

describe('a verification link', () => {
  it('is sent once and confirms the address', async () => {
    const server = serve({ 'POST /api/auth/verify': () => ({ status: 204 }) });
    renderPage(<Verify />, { at: '/verify?token=t' });
    expect(await screen.findByRole('heading', { name: 'Address confirmed' })).toBeTruthy();
    expect(server.sent).toMatchObject([{ route: 'POST /api/auth/verify', body: { token: 't' } }]);
  });

  it('that is used up says so', async () => {
    const body = { code: 'verification-link-invalid', title: 'Not allowed', detail: 'ask for a new one' };
    serve({ 'POST /api/auth/verify': () => ({ status: 403, body }) });
    renderPage(<Verify />, { at: '/verify?token=t' });
    await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('Ask for a new one'));
  });
});
