import { expect, test } from 'vitest';
import type { Content } from '../../api/types';
import type { VersionedContent } from '../content/queries';
import { changesBetween, detailsOf, rebase } from './details';

function version(number: number, change: Partial<Content> = {}): VersionedContent {
  const body: Content = {
    id: 'c1',
    title: 'Harbour',
    description: '',
    visibility: 'private',
    status: 'draft',
    media: null,
    created_by: 'u1',
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    published_at: null,
    version: number,
    ...change,
  };
  return { body, etag: `"${number}"` };
}

test('only what was changed is sent', () => {
  const before = detailsOf(version(1).body);
  expect(changesBetween(before, { ...before, title: 'New' })).toEqual({ title: 'New' });
  expect(changesBetween(before, before)).toEqual({});
});

test('a form that nobody typed in takes what is new', () => {
  expect(rebase(version(1), version(2, { title: 'New' }), false)).toBe('take');
  expect(rebase(version(2), version(2), true)).toBe('keep');
});

test('publishing under a form that somebody types in is no conflict, another title is', () => {
  expect(rebase(version(1), version(2, { status: 'published' }), true)).toBe('move');
  expect(rebase(version(1), version(2, { title: 'Theirs' }), true)).toBe('conflict');
});
