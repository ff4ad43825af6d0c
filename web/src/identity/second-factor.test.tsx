import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { sessionState, signedOut } from '../session/session';
import { renderPage } from '../test/render';
import { serve } from '../test/server';
import { SignIn } from './SignIn';

const user = userEvent.setup();
const challenge = { challenge: 'c'.repeat(43), methods: ['authenticator'], expires_in: 300 };

async function enterPassword() {
  await user.type(await screen.findByLabelText('E-mail'), 'ada@example.com');
  await user.type(screen.getByLabelText('Password'), 'correct horse');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  await screen.findByRole('heading', { name: 'One more step' });
}

describe('the second step of a sign-in', () => {
  it('sends the code with the challenge, and only then is the person signed in', async () => {
    signedOut();
    const answers = [
      { status: 403, body: { code: 'wrong-code', title: 'Not allowed', detail: 'the code is wrong' } },
      { body: { access_token: 'a', expires_in: 300, session_id: 's1' } },
    ];
    const server = serve({
      'GET /api/users/setup': () => ({ body: { needed: false } }),
      'POST /api/auth/login': () => ({ status: 202, body: challenge }),
      'POST /api/auth/login/second-factor': () => answers.shift() ?? { status: 500 },
    });
    renderPage(<SignIn />, { at: '/sign-in' });
    await enterPassword();
    expect(sessionState().status).toBe('signed-out');
    await user.type(screen.getByLabelText(/^Code/), '000000');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByText('The code is wrong')).toBeTruthy();
    await user.clear(screen.getByLabelText(/^Code/));
    await user.type(screen.getByLabelText(/^Code/), ' 123456 ');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(sessionState()).toEqual({ status: 'signed-in', sessionId: 's1' }));
    expect(server.sent.at(-1)).toMatchObject({ body: { challenge: challenge.challenge, code: '123456' } });
  });

  it('begins again when the challenge is over', async () => {
    signedOut();
    serve({
      'GET /api/users/setup': () => ({ body: { needed: false } }),
      'POST /api/auth/login': () => ({ status: 202, body: challenge }),
      'POST /api/auth/login/second-factor': () => ({
        status: 401,
        body: { code: 'challenge-invalid', title: 'Not signed in' },
      }),
    });
    renderPage(<SignIn />, { at: '/sign-in' });
    await enterPassword();
    await user.type(screen.getByLabelText(/^Code/), '123456');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(await screen.findByRole('alert')).toBeTruthy();
    await user.click(screen.getByRole('button', { name: 'Begin again' }));
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeTruthy();
  });
});
