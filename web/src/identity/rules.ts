/** The rules of people's own input, as the server has them, so that a form can say at once what is wrong. */

const MIN_PASSWORD = 8;
const MAX_PASSWORD = 128;
const MAX_NAME = 100;
const MAX_EMAIL = 254;

type Rule = string | null;

export function nameRule(value: string): Rule {
  const characters = [...value.trim()].length;
  if (characters === 0) return 'Enter a name';
  return characters > MAX_NAME ? `At most ${MAX_NAME} characters` : null;
}

/** Only what is surely no address: the server looks closer, and the mail that arrives is the proof. */
export function emailRule(value: string): Rule {
  const address = value.trim();
  if (address === '') return 'Enter an e-mail address';
  if (address.length > MAX_EMAIL) return `At most ${MAX_EMAIL} characters`;
  return /^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(address) ? null : 'That is not an e-mail address';
}

/** For a password that somebody chooses. */
export function newPasswordRule(value: string, email = ''): Rule {
  const characters = [...value].length;
  if (characters < MIN_PASSWORD) return `At least ${MIN_PASSWORD} characters`;
  if (characters > MAX_PASSWORD) return `At most ${MAX_PASSWORD} characters`;
  return email !== '' && value.trim().toLowerCase() === email.trim().toLowerCase() ? 'Not your e-mail address' : null;
}

/** For a password that somebody types to prove who they are. */
export function typedPasswordRule(value: string): Rule {
  return value === '' ? 'Enter your password' : null;
}

/** For a code of an authenticator app, or a recovery code. */
export function codeRule(value: string): Rule {
  return value.trim().length < 6 ? 'Enter the code' : null;
}

export interface Strength {
  /** From 0, that the server refuses, to 4. */
  score: 0 | 1 | 2 | 3 | 4;
  label: string;
  hint: string;
}

/** How hard a password is to guess, by what counts most: its length, and that it repeats little. */
export function strength(password: string, email = ''): Strength {
  if (newPasswordRule(password, email) !== null) {
    return { score: 0, label: 'Too short', hint: 'Use 12 characters or more; a few random words are easy to keep.' };
  }
  const characters = [...password.toLowerCase()];
  const distinct = new Set(characters).size;
  const runs = characters.filter((character, at) => isRun(characters[at - 1], character)).length;
  const effective = Math.min(characters.length - runs, distinct * 2);
  if (effective < 8) return { score: 1, label: 'Weak', hint: 'It repeats itself or counts up. Make it less regular.' };
  if (effective < 12) return { score: 2, label: 'Fair', hint: 'Some more characters make it much stronger.' };
  if (effective < 16) return { score: 3, label: 'Good', hint: 'One more word makes it strong.' };
  return { score: 4, label: 'Strong', hint: 'Hard to guess.' };
}

/** Whether a character follows from the one before: the same, or the next. */
function isRun(before: string | undefined, character: string): boolean {
  if (before === undefined) return false;
  const step = (character.codePointAt(0) ?? 0) - (before.codePointAt(0) ?? 0);
  return Math.abs(step) <= 1;
}
