import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import { attach, type Engine, type Quality } from './engine';

/** Plays a stream in a video element, and says what can be chosen, what is on the screen, and what went wrong. */
export function useEngine(video: RefObject<HTMLVideoElement | null>, source: string) {
  const engine = useRef<Engine>(null);
  const [qualities, setQualities] = useState<Quality[]>([]);
  const [chosen, setChosen] = useState<number | null>(null);
  const [playing, setPlaying] = useState<number | null>(null);
  const [ready, setReady] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);

  useEffect(() => {
    const element = video.current;
    if (!element) return;
    let gone = false;
    setQualities([]);
    setChosen(null);
    setPlaying(null);
    setReady(false);
    setFailure(null);
    // Whatever a source that was left still says is not about this one.
    const here =
      <T>(set: (value: T) => void) =>
      (value: T) => {
        if (!gone) set(value);
      };
    const events = { qualities: here(setQualities), playing: here(setPlaying), failed: here(setFailure) };
    attach(element, source, events).then(
      (attached) => {
        if (gone) {
          attached.destroy();
          return;
        }
        engine.current = attached;
        setReady(true);
      },
      () => events.failed('The player could not be loaded.'),
    );
    return () => {
      gone = true;
      engine.current?.destroy();
      engine.current = null;
    };
  }, [video, source]);

  const choose = useCallback((quality: number | null) => {
    engine.current?.choose(quality);
    setChosen(quality);
  }, []);
  return { ready, qualities, chosen, playing, failure, choose };
}
