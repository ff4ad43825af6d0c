import { Button, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { call, publicApi } from '../api/client';
import { notifyProblem } from '../shared/notify';

/** Sends the mail with the verification link again. */
export function ResendVerification({ email }: { email: string }) {
  const resend = useMutation({
    mutationFn: () => call(publicApi.POST('/api/auth/verify/resend', { body: { email } })),
    onError: notifyProblem,
  });
  if (resend.isSuccess) return <Text size="sm">Sent. It may take a minute to arrive.</Text>;
  return (
    <Button size="xs" variant="light" loading={resend.isPending} onClick={() => resend.mutate()}>
      Send the mail again
    </Button>
  );
}
