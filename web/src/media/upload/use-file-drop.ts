import { useEffect, useEffectEvent, useState } from 'react';

/** Takes files that are dropped anywhere on the page. Returns whether some are held above it. */
export function useFileDrop(onFiles: (files: File[]) => void): boolean {
  const [dropping, setDropping] = useState(false);
  const take = useEffectEvent(onFiles);
  useEffect(() => {
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const over = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      // Otherwise the browser opens the file instead of this page.
      event.preventDefault();
      setDropping(true);
    };
    const leave = (event: DragEvent) => {
      // Inside the window it only goes from one element to the next.
      if (event.relatedTarget === null) setDropping(false);
    };
    const drop = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setDropping(false);
      take([...(event.dataTransfer?.files ?? [])]);
    };
    const listening = new AbortController();
    const { signal } = listening;
    window.addEventListener('dragover', over, { signal });
    window.addEventListener('dragleave', leave, { signal });
    window.addEventListener('drop', drop, { signal });
    return () => listening.abort();
  }, []);
  return dropping;
}
