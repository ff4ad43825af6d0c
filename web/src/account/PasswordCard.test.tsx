import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Suspense } from 'react';
import { describe, expect, it } from 'vitest';
import { sessionState, signedIn } from '../session/session';
import { renderPage } from '../test/render';
import { serve } from '../test/server';
import { PasswordCard } from './PasswordCard';

const user = userEvent.setup();

describe('a change of the password', () => {
  it('keeps the person signed in here, in a session of its own', async () => {
    signedIn({ access_token: 'old', expires_in: 300, session_id: 's1' });
    const again = { status: 409, body: { code: 'sign-in-again' } };
    const signedInAnew = { body: { access_token: 'new', expires_in: 300, session_id: 's2' } };
    // The first attempt meets the end of the old sessions.
    const answers = [again, signedInAnew];
    const server = serve({
      'GET /api/users/me': () => ({ body: { email: 'ada@example.com', roles: ['member'] } }),
      'POST /api/users/me/password': () => ({ status: 204 }),
      'POST /api/auth/login': () => answers.shift() ?? again,
    });
    renderPage(
      <Suspense>
        <PasswordCard />
      </Suspense>,
    );
    await user.type(await screen.findByLabelText('Current password'), 'correct horse');
    await user.type(screen.getByLabelText('New password'), 'purple harbour at dawn');
    await user.click(screen.getByRole('button', { name: 'Change password' }));
    await waitFor(() => expect(sessionState()).toEqual({ status: 'signed-in', sessionId: 's2' }));
    const login = server.sent.find(({ route }) => route === 'POST /api/auth/login');
    // The old session's token would be refused, and the sign-in with it.
    expect(login).toMatchObject({ authorization: null, body: { password: 'purple harbour at dawn' } });
  });

  it('says at the field that the current one is wrong', async () => {
    signedIn({ access_token: 'old', expires_in: 300, session_id: 's1' });
    const wrong = { code: 'wrong-password', title: 'Not allowed', detail: 'the current password is wrong' };
    serve({
      'GET /api/users/me': () => ({ body: { email: 'ada@example.com', roles: ['member'] } }),
      'POST /api/users/me/password': () => ({ status: 403, body: wrong }),
    });
    renderPage(
      <Suspense>
        <PasswordCard />
      </Suspense>,
    );
    await user.type(await screen.findByLabelText('Current password'), 'wrong');
    await user.type(screen.getByLabelText('New password'), 'purple harbour at dawn');
    await user.click(screen.getByRole('button', { name: 'Change password' }));
    expect(await screen.findByText('The current password is wrong')).toBeTruthy();
    expect(document.activeElement).toBe(screen.getByLabelText('Current password'));
    expect(screen.queryByRole('alert')).toBeNull();
  });
});
