import { call } from '../api/client';
import { Problem } from '../api/problem';

/** The names in a folder. Vault's API answers 404 where there are none. */
export async function namesOf(request: Parameters<typeof call<{ data: { keys: string[] } }>>[0]): Promise<string[]> {
  try {
    return (await call(request)).data.keys;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return [];
    throw error;
  }
}

/** For a path of several parts: its slashes stay what they are. */
export function deepPath(pathname: string, params: Record<string, unknown>): string {
  return pathname.replace(/\{(\w+)\}/g, (_, name: string) =>
    String(params[name]).split('/').map(encodeURIComponent).join('/'),
  );
}

/** What a name of a key may be made of. */
export function keyNameRule(value: string): string | null {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value) ? null : 'Letters, digits, dots, hyphens and underscores';
}
