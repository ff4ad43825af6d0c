import { lazy, Suspense } from 'react';
import { Route, Routes } from 'react-router';
import { NotFound } from './NotFound';
import { RequireRole } from './RequireRole';
import { Shell } from './Shell';
import { SignedIn } from './SignedIn';
import { Splash } from './Splash';

const Home = lazy(async () => ({ default: (await import('../home/Home')).Home }));
const MediaRoutes = lazy(async () => ({ default: (await import('../media')).MediaRoutes }));
const WatchPage = lazy(async () => ({ default: (await import('../media/watch/WatchPage')).WatchPage }));
const Account = lazy(async () => ({ default: (await import('../account/Account')).Account }));
const People = lazy(async () => ({ default: (await import('../people/People')).People }));
const Applications = lazy(async () => ({ default: (await import('../applications/Applications')).Applications }));
const Keys = lazy(async () => ({ default: (await import('../keys/Keys')).Keys }));
const Audit = lazy(async () => ({ default: (await import('../audit/Audit')).Audit }));
const Authorize = lazy(async () => ({ default: (await import('../authorize/Authorize')).Authorize }));
const Device = lazy(async () => ({ default: (await import('../authorize/Device')).Device }));
const LinkSignIn = lazy(async () => ({ default: (await import('../identity/LinkSignIn')).LinkSignIn }));
const Invitation = lazy(async () => ({ default: (await import('../identity/Invitation')).Invitation }));
const Mailbox = lazy(async () => ({ default: (await import('../mailbox/Mailbox')).Mailbox }));
const FailedEvents = lazy(async () => ({ default: (await import('../failed-events/FailedEvents')).FailedEvents }));
const Setup = lazy(async () => ({ default: (await import('../identity/Setup')).Setup }));
const SignIn = lazy(async () => ({ default: (await import('../identity/SignIn')).SignIn }));
const Register = lazy(async () => ({ default: (await import('../identity/Register')).Register }));
const Verify = lazy(async () => ({ default: (await import('../identity/Verify')).Verify }));

/** Every page of the console. Each loads its own code when it is first visited. */
export function Pages() {
  return (
    <Suspense fallback={<Splash />}>
      <Routes>
        <Route path="setup" element={<Setup />} />
        <Route path="sign-in-link" element={<LinkSignIn />} />
        <Route path="invitation" element={<Invitation />} />
        <Route path="authorize" element={<Authorize />} />
        <Route path="sign-in" element={<SignIn />} />
        <Route path="register" element={<Register />} />
        <Route path="verify" element={<Verify />} />
        <Route path="watch/:id" element={<WatchPage />} />
        <Route element={<SignedIn />}>
          <Route path="device" element={<Device />} />
          <Route element={<Shell />}>
            <Route index element={<Home />} />
            <Route path="media/*" element={<MediaRoutes />} />
            <Route path="account" element={<Account />} />
            <Route element={<RequireRole least="admin" />}>
              <Route path="people" element={<People />} />
              <Route path="applications" element={<Applications />} />
              <Route path="keys" element={<Keys />} />
              <Route path="sign-in-log" element={<Audit />} />
              <Route path="mailbox/:id?" element={<Mailbox />} />
              <Route path="failed-events" element={<FailedEvents />} />
            </Route>
            <Route path="*" element={<NotFound />} />
          </Route>
        </Route>
      </Routes>
    </Suspense>
  );
}
