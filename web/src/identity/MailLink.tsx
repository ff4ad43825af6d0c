import { Button, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { call, publicApi } from '../api/client';
import { notifyProblem } from '../shared/notify';
import { emailRule } from './rules';

/** Has a link mailed that signs this browser in, without a password. */
export function MailLink({ email }: { email: string }) {
  const ask = useMutation({
    mutationFn: () => call(publicApi.POST('/api/auth/sign-in-links', { body: { email } })),
    onError: notifyProblem,
  });
  if (ask.isSuccess) {
    return (
      <Text size="sm" c="dimmed" ta="center" role="status">
        If {email.trim()} has an account, a link is on its way. Open it in this browser within ten minutes.
      </Text>
    );
  }
  return (
    <Button
      variant="subtle"
      fullWidth
      disabled={emailRule(email) !== null}
      loading={ask.isPending}
      onClick={() => ask.mutate()}
    >
      Mail me a link instead
    </Button>
  );
}
