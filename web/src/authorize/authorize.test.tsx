import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Suspense } from 'react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { signedIn, signedOut } from '../session/session';
import { renderPage } from '../test/render';
import { serve } from '../test/server';
import { Authorize } from './Authorize';
import { leaveFor } from './leave';

vi.mock('./leave', () => ({ leaveFor: vi.fn() }));

const user = userEvent.setup();
const asked = {
  client_id: 'c1',
  application: 'Newsroom',
  redirect_uri: 'https://newsroom.example/callback',
  scopes: ['openid', 'email'],
  prompt: 'usual',
  signed_in: true,
  sign_in_again: false,
  consent_needed: true,
};
const profile = { name: 'Ada', email: 'ada@example.com', organisation: 'Engines', roles: ['member'] };

function arrive(request: object) {
  const server = serve({
    'GET /api/users/me': () => ({ body: profile }),
    'GET /api/auth/v2/authorizations/r1': () => ({ body: { ...asked, ...request } }),
    'POST /api/auth/v2/authorizations/r1/approve': () => ({
      body: { redirect_to: 'https://newsroom.example/callback?code=x' },
    }),
    'POST /api/auth/v2/authorizations/r1/deny': () => ({
      body: { redirect_to: 'https://newsroom.example/callback?error=e' },
    }),
  });
  renderPage(
    <Suspense>
      <Authorize />
    </Suspense>,
    { at: '/authorize?request=r1' },
  );
  return server;
}

beforeEach(() => {
  vi.mocked(leaveFor).mockClear();
  signedIn({ access_token: 'a', expires_in: 300, session_id: 's1' });
});

describe('an application that asks for leave', () => {
  it('is told no where the person says no, and nothing before', async () => {
    const server = arrive({});
    await screen.findByRole('heading', { name: 'Let Newsroom act for you?' });
    expect(screen.getByText('See your e-mail address')).toBeTruthy();
    expect(server.sent.some(({ route }) => route.startsWith('POST'))).toBe(false);
    await user.click(await screen.findByRole('button', { name: 'No' }));
    await waitFor(() => expect(leaveFor).toHaveBeenCalledWith('https://newsroom.example/callback?error=e'));
  });

  it('gets its answer at once where the person agreed before', async () => {
    const server = arrive({ consent_needed: false });
    await waitFor(() => expect(leaveFor).toHaveBeenCalledWith('https://newsroom.example/callback?code=x'));
    expect(server.count('POST /api/auth/v2/authorizations/r1/approve')).toBe(1);
  });

  it('is refused without a question where it wants none and one would be needed', async () => {
    arrive({ prompt: 'none' });
    await waitFor(() => expect(leaveFor).toHaveBeenCalledWith('https://newsroom.example/callback?error=e'));
  });

  it('waits for the sign-in of somebody who has no session', async () => {
    signedOut();
    const server = arrive({ signed_in: false });
    expect(await screen.findByText('another page')).toBeTruthy();
    expect(server.sent.some(({ route }) => route.startsWith('POST'))).toBe(false);
  });

  it('wants a new sign-in where it says so', async () => {
    arrive({ sign_in_again: true });
    expect(await screen.findByRole('heading', { name: 'Sign in again' })).toBeTruthy();
    expect(leaveFor).not.toHaveBeenCalled();
  });
});
