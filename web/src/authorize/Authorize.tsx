import { Alert, Button, Group, Loader, Stack, Text } from '@mantine/core';
import { IconUserCircle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { Navigate, useLocation } from 'react-router';
import { api, call } from '../api/client';
import { asProblem } from '../api/problem';
import type { Authorization } from '../api/types';
import { PublicFrame } from '../app/PublicFrame';
import { Splash } from '../app/Splash';
import { signedOut } from '../session/session';
import { useProfile, useSession } from '../session/use-session';
import { ErrorNotice } from '../shared/ErrorNotice';
import { leaveFor } from './leave';
import { ScopeList } from './ScopeList';

/** Where an application sends the browser to ask for leave to act for its person (RFC 6749 section 4.1.1). */
export function Authorize() {
  const session = useSession();
  const { pathname, search } = useLocation();
  const id = new URLSearchParams(search).get('request') ?? '';
  const request = useQuery({
    queryKey: ['authorization', id, session.status],
    queryFn: () => call(api.GET('/api/auth/v2/authorizations/{id}', { params: { path: { id } } })),
    enabled: session.status !== 'starting',
    retry: false,
    refetchOnWindowFocus: false,
  });
  if (request.error) {
    return (
      <PublicFrame
        title="This request can't be answered"
        description="Go back to the application, and begin again there."
      >
        <ErrorNotice error={request.error} />
      </PublicFrame>
    );
  }
  if (!request.data) return <Splash />;
  if (request.data.prompt === 'none') return <Silent id={id} request={request.data} />;
  if (session.status !== 'signed-in') {
    return <Navigate to="/sign-in" replace state={{ from: `${pathname}${search}`, email: request.data.login_hint }} />;
  }
  if (request.data.sign_in_again) return <SignInAgain name={request.data.application} />;
  if (!request.data.consent_needed) return <Silent id={id} request={request.data} />;
  return <Consent id={id} request={request.data} />;
}

interface Props {
  id: string;
  request: Authorization;
}

function useAnswer(id: string) {
  return useMutation({
    mutationFn: (yes: boolean) => {
      const params = { params: { path: { id } } };
      return call(
        yes
          ? api.POST('/api/auth/v2/authorizations/{id}/approve', params)
          : api.POST('/api/auth/v2/authorizations/{id}/deny', params),
      );
    },
    onSuccess: ({ redirect_to }) => leaveFor(redirect_to),
  });
}

/** Nothing has to be asked, or must not be: the answer goes back at once. */
function Silent({ id, request }: Props) {
  const { mutate, error } = useAnswer(id);
  const may = request.signed_in && !request.sign_in_again && !request.consent_needed;
  // A request is answered once, and effects may run twice.
  const sent = useRef(false);
  useEffect(() => {
    if (sent.current) return;
    sent.current = true;
    mutate(may);
  }, [mutate, may]);
  return (
    <PublicFrame title={request.application}>
      {error ? (
        <ErrorNotice error={error} />
      ) : (
        <Group role="status">
          <Loader size="sm" />
          <Text>One moment.</Text>
        </Group>
      )}
    </PublicFrame>
  );
}

/** The application wants a sign-in of its own. */
function SignInAgain({ name }: { name: string }) {
  return (
    <PublicFrame title="Sign in again" description={`${name} wants to be sure that it is you.`}>
      <Button fullWidth onClick={signedOut}>
        To sign-in
      </Button>
    </PublicFrame>
  );
}

function Consent({ id, request }: Props) {
  const answer = useAnswer(id);
  const refused = answer.error && asProblem(answer.error).code === 'forbidden';
  return (
    <PublicFrame title={`Let ${request.application} act for you?`} footer={<Whereto uri={request.redirect_uri} />}>
      <Stack gap="lg">
        <Asked />
        <ScopeList scopes={request.scopes} />
        {refused ? (
          <Alert color="orange">This application belongs to another organisation.</Alert>
        ) : (
          answer.error && <ErrorNotice error={answer.error} />
        )}
        <Group grow>
          <Button variant="default" disabled={answer.isPending} onClick={() => answer.mutate(false)}>
            No
          </Button>
          <Button loading={answer.isPending} onClick={() => answer.mutate(true)}>
            Yes
          </Button>
        </Group>
      </Stack>
    </PublicFrame>
  );
}

function Asked() {
  const { name, email, organisation } = useProfile();
  return (
    <Group gap="sm" wrap="nowrap">
      <IconUserCircle size={28} stroke={1.5} aria-hidden />
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        You are {name} ({email}) of {organisation}.{' '}
        <Button variant="transparent" size="compact-sm" onClick={signedOut}>
          Not you?
        </Button>
      </Text>
    </Group>
  );
}

function Whereto({ uri }: { uri: string }) {
  return <>The answer goes to {new URL(uri).origin === 'null' ? uri : new URL(uri).origin}.</>;
}
