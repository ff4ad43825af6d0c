import { useForm } from '@mantine/form';
import { useEffect, useState } from 'react';
import { asProblem, fieldErrors } from '../../api/problem';
import { type ContentDetails, useUpdateContent, type VersionedContent } from '../content/queries';
import { changesBetween, detailsOf, MAX_DESCRIPTION, MAX_TITLE, rebase } from './details';

const validate = {
  title: (title: string) => {
    if (title.trim() === '') return 'A film needs a title.';
    return [...title.trim()].length > MAX_TITLE ? `A title has at most ${MAX_TITLE} characters.` : null;
  },
  description: (text: string) =>
    [...text].length > MAX_DESCRIPTION ? `A description has at most ${MAX_DESCRIPTION} characters.` : null,
};

/** The form of an item's details. It knows the version that it began from, and never overwrites a newer one unasked. */
export function useDetailsForm(latest: VersionedContent) {
  const [base, setBase] = useState(latest);
  const update = useUpdateContent(latest.body.id);
  const form = useForm<ContentDetails>({ initialValues: detailsOf(base.body), validate });
  const next = rebase(base, latest, form.isDirty());

  // biome-ignore lint/correctness/useExhaustiveDependencies: the form is another object at every turn
  useEffect(() => {
    if (next !== 'take' && next !== 'move') return;
    setBase(latest);
    if (next === 'take') begin(latest);
  }, [next, latest]);

  /** The form shows this version and begins from it. */
  function begin(version: VersionedContent) {
    setBase(version);
    form.setInitialValues(detailsOf(version.body));
    form.setValues(detailsOf(version.body));
    form.clearErrors();
  }

  function save(from: VersionedContent, details: ContentDetails) {
    const changes = changesBetween(detailsOf(from.body), details);
    if (Object.keys(changes).length === 0) {
      begin(from);
      return;
    }
    update.mutate(
      { etag: from.etag, changes },
      {
        onSuccess: begin,
        onError: (error) => form.setErrors(fieldErrors(asProblem(error), ['title', 'description', 'visibility']) ?? {}),
      },
    );
  }

  const problem = update.error && asProblem(update.error);
  return {
    form,
    saving: update.isPending,
    /** What to show beside the form; a conflict and faulty fields have their own places. */
    error: problem && problem.status !== 412 && problem.errors.length === 0 ? problem : null,
    conflict: next === 'conflict',
    submit: form.onSubmit((details) => save(base, details)),
    discard: () => begin(latest),
    /** Puts what was typed over what somebody else wrote, knowingly. */
    overwrite: () => save(latest, form.getValues()),
  };
}
