import type { paths } from './schema';

type Body<T> = T extends { content: { 'application/json': infer B } } ? B : never;
type Responses<T> = T extends { responses: infer R } ? R : never;

/** The body that a route answers with: `Reply<'/api/users/me', 'get'>`. */
export type Reply<P extends keyof paths, M extends keyof paths[P], S extends number = 200> = Body<
  Responses<paths[P][M]>[S & keyof Responses<paths[P][M]>]
>;

type Item<T> = T extends { items: (infer I)[] } ? I : never;

export type UserProfile = Reply<'/api/users/me', 'get'>;
export type Role = UserProfile['roles'][number];
export type Session = Item<Reply<'/api/sessions', 'get'>>;
export type Mail = Item<Reply<'/api/users/mailbox', 'get'>>;
export type SystemOverview = Reply<'/api/system/services', 'get'>;
export type ServiceStatus = SystemOverview['services'][number];
export type MissingTool = SystemOverview['missing'][number];
export type DeadLetter = Item<Reply<'/api/system/dead-letters', 'get'>>;

export type Challenge = Reply<'/api/auth/login', 'post', 202>;
export type Factors = Reply<'/api/auth/factors', 'get'>;
export type Enrolment = Reply<'/api/auth/factors/authenticator', 'post', 201>;
export type SignInEvent = Item<Reply<'/api/auth/audit', 'get'>>;
export type Group = Item<Reply<'/api/users/groups', 'get'>>;
export type Invitation = Item<Reply<'/api/users/invitations', 'get'>>;
export type OpenedInvitation = Reply<'/api/auth/register/invitation/open', 'post'>;
export type Application = Item<Reply<'/api/auth/v2/applications', 'get'>>;
export type ApplicationWithSecret = Reply<'/api/auth/v2/applications', 'post', 201>;
export type Authorization = Reply<'/api/auth/v2/authorizations/{id}', 'get'>;
export type DeviceRequest = Reply<'/api/auth/v2/device/{user_code}', 'get'>;
export type Consent = Item<Reply<'/api/auth/v2/consents', 'get'>>;
export type ApiToken = Item<Reply<'/api/tokens/personal', 'get'>>;
export type TransitKey = Reply<'/api/keys/v1/transit/keys/{name}', 'get'>['data'];
export type KeyUse = Item<Reply<'/api/keys/audit', 'get'>>;

export type Content = Reply<'/api/content/{id}', 'get'>;
export type Visibility = Content['visibility'];
export type Upload = Item<Reply<'/api/dsp/upload/uploads', 'get'>>;
export type TranscodeJob = Item<Reply<'/api/streamcore/jobs', 'get'>>;
export type Playback = Reply<'/api/stream/{content_id}/playback', 'get'>;
