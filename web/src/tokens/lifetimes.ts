/** How long a token is good, as a form offers it. */
export const LIFETIMES = [
  { value: '7', label: 'A week' },
  { value: '30', label: 'A month' },
  { value: '90', label: 'Three months' },
  { value: '365', label: 'A year' },
];

/** The moment that many days from now. */
export function inDays(days: string, now: number = Date.now()): string {
  return new Date(now + Number(days) * 86_400_000).toISOString();
}

/** What a scope may look like: everything, a service, or one of its actions. */
export function scopesRule(scopes: string[]): string | null {
  if (scopes.length === 0) return 'At least one';
  const wrong = scopes.find((scope) => !/^[a-z0-9-]+(:[a-z-]+)?$/.test(scope));
  return wrong === undefined ? null : `${wrong} is no scope`;
}
