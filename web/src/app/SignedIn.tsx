import { QueryErrorResetBoundary } from '@tanstack/react-query';
import { Suspense } from 'react';
import { Navigate, Outlet, useLocation } from 'react-router';
import { start } from '../session/session';
import { useSession } from '../session/use-session';
import { ErrorBoundary } from '../shared/ErrorBoundary';
import { ErrorNotice } from '../shared/ErrorNotice';
import { PublicFrame } from './PublicFrame';
import { Splash } from './Splash';

/** The pages below need a session: without one the way is to sign-in, and from there back. */
export function SignedIn() {
  const session = useSession();
  const { pathname, search, hash } = useLocation();
  if (session.status === 'starting') {
    if (!session.problem) return <Splash />;
    return (
      <PublicFrame title="Nexus COS">
        <ErrorNotice error={session.problem} retry={() => void start()} />
      </PublicFrame>
    );
  }
  if (session.status === 'signed-out') {
    return <Navigate to="/sign-in" replace state={{ from: `${pathname}${search}${hash}`, ended: session.ended }} />;
  }
  return (
    // Another session is another person, perhaps: nothing of the old pages stays.
    <QueryErrorResetBoundary key={session.sessionId}>
      {({ reset }) => (
        <ErrorBoundary
          onRetry={reset}
          fallback={(error, retry) => (
            <PublicFrame title="Nexus COS">
              <ErrorNotice error={error} retry={retry} />
            </PublicFrame>
          )}
        >
          <Suspense fallback={<Splash />}>
            <Outlet />
          </Suspense>
        </ErrorBoundary>
      )}
    </QueryErrorResetBoundary>
  );
}
