import { useEffect, useState } from 'react';
import type { Problem } from '../api/problem';

/** The seconds until the server wants to be asked again, counting down. */
export function useCountdown(problem: Problem | null): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const until = Date.now() + (problem?.retryAfter ?? 0) * 1_000;
    const look = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1_000)));
    look();
    if (until <= Date.now()) return;
    const timer = setInterval(look, 500);
    return () => clearInterval(timer);
  }, [problem]);
  return left;
}
