import { Button, Group, Loader, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { Link, useSearchParams } from 'react-router';
import { call, publicApi } from '../api/client';
import { PublicFrame } from '../app/PublicFrame';
import { ErrorNotice } from '../shared/ErrorNotice';

/** Where the link of a verification mail leads. */
export function Verify() {
  const [search] = useSearchParams();
  const token = search.get('token') ?? '';
  const { mutate, isSuccess, error } = useMutation({
    mutationFn: (link: string) => call(publicApi.POST('/api/auth/verify', { body: { token: link } })),
  });
  // A link is good once, and effects may run twice.
  const sent = useRef(false);
  useEffect(() => {
    if (sent.current) return;
    sent.current = true;
    mutate(token);
  }, [mutate, token]);

  if (isSuccess) {
    return (
      <PublicFrame title="Address confirmed" description="Your account is ready.">
        <Button component={Link} to="/sign-in" fullWidth>
          Sign in
        </Button>
      </PublicFrame>
    );
  }
  if (error) {
    return (
      <PublicFrame
        title="That did not work"
        description="A link works once and for a day. Sign in to have another one sent."
      >
        <ErrorNotice error={error} />
        <Button component={Link} to="/sign-in" variant="light" fullWidth>
          To sign-in
        </Button>
      </PublicFrame>
    );
  }
  return (
    <PublicFrame title="Confirming your address">
      <Group role="status">
        <Loader size="sm" />
        <Text>One moment.</Text>
      </Group>
    </PublicFrame>
  );
}
