import { useEffect } from 'react';

/** Names the document, which is what a screen reader says after a change of page and what tabs and history show. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Nexus COS`;
  }, [title]);
}
