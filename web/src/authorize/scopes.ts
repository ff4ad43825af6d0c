/** What the scopes of OAuth and OpenID Connect let an application do, in the words of the person who is asked. */
const MEANING: Record<string, string> = {
  openid: 'Know that it is you',
  profile: 'See your name',
  email: 'See your e-mail address',
  groups: 'See your groups and roles',
  offline_access: 'Stay connected while you are away',
  api: 'Do everything that you may do here',
};

/** `content-management:publish`: one action of a service; `content-management`: all of them. */
export function scopeMeaning(scope: string): string {
  const known = MEANING[scope];
  if (known) return known;
  const [service, action] = scope.split(':');
  return action ? `${action.replaceAll('-', ' ')} in ${service}` : `Use ${service} as you may`;
}

/** Whether a scope lets an application change things, so that the person should look twice. */
export function isPowerful(scope: string): boolean {
  return scope === 'api';
}
