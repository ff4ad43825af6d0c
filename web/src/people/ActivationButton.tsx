import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, call } from '../api/client';
import type { UserProfile } from '../api/types';
import { ConfirmButton } from '../shared/ConfirmButton';
import { notifyDone, notifyProblem } from '../shared/notify';
import { peopleKey } from './roles';

/** Keeps somebody out, or lets them in again. */
export function ActivationButton({ person }: { person: UserProfile }) {
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () => {
      const params = { params: { path: { id: person.id } } };
      return call(
        person.active ? api.POST('/api/users/{id}/deactivate', params) : api.POST('/api/users/{id}/reactivate', params),
      );
    },
    onSuccess: ({ name, active }) =>
      notifyDone(active ? `${name} can sign in again.` : `${name} is signed out, and kept out.`),
    onError: notifyProblem,
    onSettled: () => client.invalidateQueries({ queryKey: peopleKey }),
  });
  if (!person.active) {
    return (
      <Button variant="default" size="xs" loading={change.isPending} onClick={() => change.mutate()}>
        Reactivate
      </Button>
    );
  }
  return (
    <ConfirmButton
      label="Deactivate"
      size="xs"
      aria-label={`Deactivate ${person.name}`}
      title={`Deactivate ${person.name}?`}
      confirm="Deactivate"
      pending={change.isPending}
      onConfirm={() => change.mutate()}
    >
      All of their sessions end at once, and they can't sign in. What they made stays, and you can let them in again.
    </ConfirmButton>
  );
}
