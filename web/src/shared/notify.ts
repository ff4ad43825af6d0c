import { notifications } from '@mantine/notifications';
import { asProblem } from '../api/problem';

/** Says in passing that something was done. */
export function notifyDone(message: string): void {
  notifications.show({ message, color: 'teal', autoClose: 4_000 });
}

/** Says that something the person asked for failed, where the page has no place of its own for it. */
export function notifyProblem(error: unknown): void {
  const problem = asProblem(error);
  const request = problem.requestId ? ` (request ${problem.requestId})` : '';
  notifications.show({
    title: problem.title,
    message: `${problem.message}${request}`,
    color: 'red',
    autoClose: 10_000,
  });
}
