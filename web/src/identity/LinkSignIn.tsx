import { Button, Group, Loader, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { Link, Navigate, useSearchParams } from 'react-router';
import { PublicFrame } from '../app/PublicFrame';
import { useSession } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { SecondFactorForm } from './SecondFactorForm';
import { signInByLink } from './sign-in';

/** Where a mailed sign-in link leads. */
export function LinkSignIn() {
  const session = useSession();
  const [search] = useSearchParams();
  const token = search.get('token') ?? '';
  const { mutate, data: challenge, error, reset } = useMutation({ mutationFn: signInByLink });
  // A link is good once, and effects may run twice.
  const sent = useRef(false);
  useEffect(() => {
    if (sent.current) return;
    sent.current = true;
    mutate(token);
  }, [mutate, token]);

  if (challenge) {
    return (
      <PublicFrame title="One more step" description="This account asks for a code.">
        <SecondFactorForm challenge={challenge} onRestart={reset} />
      </PublicFrame>
    );
  }
  if (error) {
    return (
      <PublicFrame
        title="That did not work"
        description="A link works once, for ten minutes, in the browser that asked for it."
      >
        <ErrorNotice error={error} />
        <Button component={Link} to="/sign-in" variant="light" fullWidth>
          To sign-in
        </Button>
      </PublicFrame>
    );
  }
  if (session.status === 'signed-in' && sent.current) return <Navigate to="/" replace />;
  return (
    <PublicFrame title="Signing you in">
      <Group role="status">
        <Loader size="sm" />
        <Text>One moment.</Text>
      </Group>
    </PublicFrame>
  );
}
