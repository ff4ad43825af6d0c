import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Role } from '../api/types';
import { sessionState, signedIn, signedOut } from '../session/session';
import { renderPage } from '../test/render';
import { serve } from '../test/server';
import { Pages } from './Pages';

const user = userEvent.setup();
const empty = { body: { items: [], next_cursor: null } };

function profile(roles: Role[]) {
  const ada = { id: 'u1', tenant_id: 't1', organisation: 'Harbour Films', name: 'Ada', email: 'ada@example.com' };
  return { ...ada, email_verified: true, roles, created_at: '2026-01-01T00:00:00Z', version: 1 };
}

/** The console at an address, as somebody with these roles sees it. */
function visit(at: string, roles: Role[]) {
  const server = serve({
    'GET /api/users/me': () => ({ body: profile(roles) }),
    'GET /api/users/setup': () => ({ body: { needed: false } }),
    'GET /api/users': () => ({ body: { items: [profile(roles)] } }),
    'GET /api/users/mailbox': () => empty,
    'GET /api/system/dead-letters': () => empty,
    'GET /api/sessions': () => empty,
    'POST /api/auth/logout': () => ({ status: 204 }),
  });
  signedIn({ access_token: 'a.b.c', expires_in: 300, session_id: 's1' });
  renderPage(<Pages />, { at, path: '/*' });
  return server;
}

beforeEach(signedOut);

// The first visit of a page loads its code.
const loaded = { timeout: 10_000 };

describe('the console', () => {
  it('shows a visitor the sign-in page, whatever was asked for', async () => {
    serve({ 'GET /api/users/setup': () => ({ body: { needed: false } }) });
    renderPage(<Pages />, { at: '/account', path: '/*' });
    expect(await screen.findByRole('heading', { name: 'Sign in' }, loaded)).toBeTruthy();
  });

  it('has no way for members to the pages of admins, and asks the server nothing about them', async () => {
    const server = visit('/people', ['member']);
    expect(await screen.findByText('This page is not for your role', {}, loaded)).toBeTruthy();
    const navigation = within(screen.getByRole('navigation', { name: 'Main' }));
    expect(navigation.queryByText('People')).toBeNull();
    expect(navigation.queryByText('Failed events')).toBeNull();
    for (const route of ['GET /api/users', 'GET /api/users/mailbox', 'GET /api/system/dead-letters']) {
      expect(server.count(route), route).toBe(0);
    }
  });

  it('shows admins theirs', async () => {
    visit('/people', ['admin']);
    expect(await screen.findByRole('heading', { name: 'People' }, loaded)).toBeTruthy();
    const navigation = within(screen.getByRole('navigation', { name: 'Main' }));
    expect(navigation.getByText('People').closest('a')?.getAttribute('aria-current')).toBe('page');
    expect(await navigation.findByText('Mailbox')).toBeTruthy();
  });

  it('lets the keyboard past the navigation, and has the focus on the page after a change of page', async () => {
    visit('/nowhere', ['member']);
    await screen.findByText('There is no such page', {}, loaded);
    await user.tab();
    expect(document.activeElement?.textContent).toContain('Skip to content');
    expect(document.activeElement?.getAttribute('href')).toBe('#main');
    await user.click(within(screen.getByRole('navigation', { name: 'Main' })).getByText('Account'));
    await screen.findByRole('heading', { name: 'Account' }, loaded);
    expect(document.activeElement?.id).toBe('main');
  });

  it('signs out', async () => {
    const server = visit('/account', ['member']);
    await user.click(await screen.findByRole('button', { name: /Account of Ada/ }, loaded));
    await user.click(await screen.findByRole('menuitem', { name: 'Sign out' }));
    await waitFor(() => expect(sessionState()).toEqual({ status: 'signed-out', ended: false }));
    expect(server.count('POST /api/auth/logout')).toBe(1);
    expect(await screen.findByRole('heading', { name: 'Sign in' }, loaded)).toBeTruthy();
  });
});
