const locale = typeof navigator === 'undefined' ? 'en' : navigator.language;
const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** `1.5 MB`, in units of 1000 as systems name file sizes. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1:02:03` or `2:03`: how long something plays. */
export function playTime(milliseconds: number): string {
  const total = Math.max(0, Math.round(milliseconds / 1_000));
  const [hours, minutes, seconds] = [Math.floor(total / 3_600), Math.floor(total / 60) % 60, total % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** `3.4 ms`, `1.2 s`: how long something took. */
export function latency(milliseconds: number): string {
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  return `${milliseconds >= 10 ? Math.round(milliseconds) : milliseconds.toFixed(1)} ms`;
}

/** `0.42`, `12.5`, `1,240`: how often something happens in a second. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  const digits = perSecond >= 100 ? 0 : perSecond >= 10 ? 1 : 2;
  return perSecond.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** `42 %`, of a share from 0 to 1. Never 100 % before it is whole. */
export function percent(share: number): string {
  return `${share >= 1 ? 100 : Math.min(99, Math.round(share * 100))} %`;
}

/** `Nov 24, 2025, 3:07 PM`, as the person's browser writes it. */
export function moment(time: string): string {
  return dateTime.format(new Date(time));
}

/** `Nov 24, 2025`, as the person's browser writes it. */
export function day(time: string): string {
  return date.format(new Date(time));
}

/** `just now`, `5 minutes ago`, `in 2 days`. */
export function ago(time: string, now: number = Date.now()): string {
  const seconds = (new Date(time).getTime() - now) / 1_000;
  const distance = Math.abs(seconds);
  if (distance < 45) return 'just now';
  const steps: [Intl.RelativeTimeFormatUnit, number, number][] = [
    ['minute', 60, 3_600],
    ['hour', 3_600, 86_400],
    ['day', 86_400, 30 * 86_400],
    ['month', 30 * 86_400, 365 * 86_400],
    ['year', 365 * 86_400, Number.POSITIVE_INFINITY],
  ];
  const [unit, size] = steps.find(([, , end]) => distance < end) ?? ['year', 365 * 86_400];
  return relative.format(Math.trunc(seconds / size) || Math.sign(seconds), unit);
}
