import type { Content } from '../../api/types';
import type { ContentDetails, VersionedContent } from '../content/queries';

export const MAX_TITLE = 200;
export const MAX_DESCRIPTION = 5_000;

/** The part of an item that a person edits. */
export function detailsOf({ title, description, visibility }: Content): ContentDetails {
  return { title, description, visibility };
}

/** What an edit changes; what stays the same is not sent. */
export function changesBetween(before: ContentDetails, after: ContentDetails): Partial<ContentDetails> {
  return Object.fromEntries(
    Object.entries(after).filter(([field, value]) => before[field as keyof ContentDetails] !== value),
  );
}

function isUnchanged(before: ContentDetails, after: ContentDetails): boolean {
  return Object.keys(changesBetween(before, after)).length === 0;
}

export type Rebase =
  /** Nothing is new. */
  | 'keep'
  /** The form takes what is new: nobody has typed here. */
  | 'take'
  /** Only the version is new, as after publishing: what was typed still stands on the same ground. */
  | 'move'
  /** Somebody else changed what is being edited here. */
  | 'conflict';

/** What becomes of a form that began from `base` when the item is now `latest`. */
export function rebase(base: VersionedContent, latest: VersionedContent, dirty: boolean): Rebase {
  if (latest.body.version <= base.body.version) return 'keep';
  if (!dirty) return 'take';
  return isUnchanged(detailsOf(base.body), detailsOf(latest.body)) ? 'move' : 'conflict';
}
