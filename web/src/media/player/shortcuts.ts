/** What a key does to a film. */
export type Shortcut =
  | { kind: 'toggle-play' }
  | { kind: 'toggle-mute' }
  | { kind: 'toggle-fullscreen' }
  | { kind: 'seek-by'; seconds: number }
  | { kind: 'seek-to'; share: number };

/** Space, the arrows, Home and End are the browser's own. */
const KEYS: Record<string, Shortcut> = {
  k: { kind: 'toggle-play' },
  m: { kind: 'toggle-mute' },
  f: { kind: 'toggle-fullscreen' },
  j: { kind: 'seek-by', seconds: -10 },
  l: { kind: 'seek-by', seconds: 10 },
};

/** The shortcut of a key, as video sites have taught people; `null` when it is none, or part of another one's. */
export function shortcutOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'>): Shortcut | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  if (/^[0-9]$/.test(event.key)) return { kind: 'seek-to', share: Number(event.key) / 10 };
  return KEYS[event.key.toLowerCase()] ?? null;
}

/** Does it. */
export function apply(shortcut: Shortcut, video: HTMLVideoElement): void {
  switch (shortcut.kind) {
    case 'toggle-play':
      // The browser may refuse to begin; the button is still there.
      if (video.paused) void video.play().catch(() => {});
      else video.pause();
      break;
    case 'toggle-mute':
      video.muted = !video.muted;
      break;
    case 'toggle-fullscreen':
      if (document.fullscreenElement) void document.exitFullscreen();
      else void video.requestFullscreen?.().catch(() => {});
      break;
    case 'seek-by':
      seek(video, video.currentTime + shortcut.seconds);
      break;
    case 'seek-to':
      seek(video, video.duration * shortcut.share);
      break;
  }
}

function seek(video: HTMLVideoElement, second: number): void {
  if (Number.isFinite(video.duration)) video.currentTime = Math.min(Math.max(0, second), video.duration);
}
