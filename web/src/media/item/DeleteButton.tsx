import { IconTrash } from '@tabler/icons-react';
import { useNavigate } from 'react-router';
import { ConfirmButton } from '../../shared/ConfirmButton';
import { notifyDone, notifyProblem } from '../../shared/notify';
import { useDeleteContent, type VersionedContent } from '../content/queries';

/** Deletes an item, after a question: it can't be taken back. */
export function DeleteButton({ content: { body, etag } }: { content: VersionedContent }) {
  const navigate = useNavigate();
  const remove = useDeleteContent(body.id);

  function confirmed() {
    remove.mutate(etag, {
      onSuccess: () => {
        notifyDone(`“${body.title}” is deleted.`);
        void navigate('/media', { replace: true });
      },
      onError: notifyProblem,
    });
  }

  return (
    <ConfirmButton
      label="Delete"
      title="Delete this film?"
      confirm="Delete"
      variant="subtle"
      leftSection={<IconTrash size={18} aria-hidden />}
      pending={remove.isPending}
      onConfirm={confirmed}
    >
      “{body.title}” will be gone, with its file and everything that was made of it. This can't be undone.
    </ConfirmButton>
  );
}
