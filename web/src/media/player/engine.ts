/** One rendition of a film. */
export interface Quality {
  id: number;
  height: number;
}

export interface EngineEvents {
  /** What there is to choose from; empty where the browser alone decides. */
  qualities(qualities: Quality[]): void;
  /** Which rendition is on the screen. */
  playing(quality: number): void;
  failed(reason: string): void;
}

/** Plays an HLS stream in a video element. */
export interface Engine {
  /** Keeps to one rendition; `null` lets the line's speed decide. */
  choose(quality: number | null): void;
  destroy(): void;
}

const HLS = 'application/vnd.apple.mpegurl';

/**
 * Attaches a stream to a video element. hls.js goes first, since only with it a person can choose the quality; it is loaded
 * when the first film is. Where the browser has no Media Source Extensions, it plays HLS by itself.
 */
export async function attach(video: HTMLVideoElement, source: string, events: EngineEvents): Promise<Engine> {
  const { default: Hls } = await import('hls.js');
  if (Hls.isSupported()) return attachHls(Hls, video, source, events);
  if (video.canPlayType(HLS) !== '') return attachNative(video, source, events);
  events.failed('This browser can not play the film. Any current one can.');
  return { choose: () => {}, destroy: () => {} };
}

function attachHls(
  Hls: typeof import('hls.js').default,
  video: HTMLVideoElement,
  source: string,
  events: EngineEvents,
): Engine {
  // The segments are fMP4: there is nothing to repackage that a worker would be good for.
  const hls = new Hls({ enableWorker: false, capLevelToPlayerSize: true });
  let mediaErrors = 0;
  hls.on(Hls.Events.MANIFEST_PARSED, (_event, { levels }) => {
    events.qualities(levels.map(({ height }, id) => ({ id, height })).sort((a, b) => b.height - a.height));
  });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_event, { level }) => events.playing(level));
  hls.on(Hls.Events.ERROR, (_event, error) => {
    if (!error.fatal) return;
    // A decoder that stumbles is started anew, once or twice.
    if (error.type === Hls.ErrorTypes.MEDIA_ERROR && mediaErrors < 2) {
      mediaErrors += 1;
      hls.recoverMediaError();
      return;
    }
    const status = error.response?.code;
    events.failed(status ? `The server answered ${status}.` : 'The film could not be loaded.');
  });
  hls.loadSource(source);
  hls.attachMedia(video);
  return {
    choose: (quality) => {
      // A choice shows at once, at the price of a moment's loading; the automatic one waits for the next segment.
      if (quality === null) hls.nextLevel = -1;
      else hls.currentLevel = quality;
    },
    destroy: () => hls.destroy(),
  };
}

function attachNative(video: HTMLVideoElement, source: string, events: EngineEvents): Engine {
  const fail = () => events.failed(video.error?.message || 'The film could not be loaded.');
  video.addEventListener('error', fail);
  video.src = source;
  return {
    choose: () => {},
    destroy: () => {
      video.removeEventListener('error', fail);
      video.removeAttribute('src');
      video.load();
    },
  };
}
