import { DetailedError, Upload } from 'tus-js-client';
import { Problem } from '../../api/problem';
import { accessToken } from '../../session/session';
import type { Sender, SenderEvents } from './transfers';

const ENDPOINT = '/api/dsp/upload/files';
/** Small enough that a request ends within an access token's life on a slow line. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** The first tries after a failure, in milliseconds. After them it waits for the connection. */
const RETRY_DELAYS = [0, 500, 1_500, 3_000];
/** How often it tries while the connection is away and the browser does not say that it is back. */
const WAIT_MS = 5_000;

/** Sends a file by tus 1.0. Chosen again after a reload, the same file goes on where it was. */
export function openTusSender(file: File, events: SenderEvents): Sender {
  let stopped = true;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const upload = new Upload(file, {
    endpoint: new URL(ENDPOINT, location.origin).href,
    chunkSize: CHUNK_BYTES,
    retryDelays: RETRY_DELAYS,
    removeFingerprintOnSuccess: true,
    metadata: { filename: file.name, filetype: file.type, title: titleOf(file.name) },
    onBeforeRequest: async (request) => {
      request.setHeader('Authorization', `Bearer ${await accessToken()}`);
    },
    onUploadUrlAvailable: () => events.located(idOf(upload.url ?? '')),
    onProgress: (sent) => events.progressed(sent),
    onShouldRetry: (error) => {
      const passing = mayPass(error);
      if (passing) events.interrupted();
      return passing;
    },
    onSuccess: () => events.completed(),
    onError: (error) => {
      if (!mayPass(error)) {
        events.failed(reasonOf(error));
        return;
      }
      events.interrupted();
      timer = setTimeout(goOn, WAIT_MS);
      window.addEventListener('online', goOn);
    },
  });

  function goOn() {
    leaveWaiting();
    if (!stopped) upload.start();
  }

  function leaveWaiting() {
    clearTimeout(timer);
    window.removeEventListener('online', goOn);
  }

  async function begin() {
    if (upload.url === null) {
      const before = await upload.findPreviousUploads();
      const latest = before.sort((a, b) => Date.parse(b.creationTime) - Date.parse(a.creationTime))[0];
      if (latest) upload.resumeFromPreviousUpload(latest);
    }
    goOn();
  }

  return {
    start: () => {
      stopped = false;
      void begin();
    },
    stop: () => {
      stopped = true;
      leaveWaiting();
      void upload.abort();
    },
    discard: async () => {
      stopped = true;
      leaveWaiting();
      await upload.abort(true);
    },
  };
}

/** What a film is called until somebody names it: its file's name without the ending. */
export function titleOf(name: string): string {
  return name.replace(/\.[^.]+$/, '').trim() || name;
}

function idOf(url: string): string {
  return new URL(url, location.origin).pathname.split('/').at(-1) ?? '';
}

/** 0 when no answer came. */
function statusOf(error: Error): number {
  if (error instanceof DetailedError && error.originalResponse) return error.originalResponse.getStatus();
  return causeOf(error)?.status ?? 0;
}

/** The problem with the access token that kept a request from going out. */
function causeOf(error: Error): Problem | null {
  const cause = error instanceof DetailedError ? error.causingError : null;
  return cause instanceof Problem ? cause : null;
}

/** Whether the same request may succeed later: no answer, a server in trouble, too many requests, an upload still locked. */
function mayPass(error: Error): boolean {
  const status = statusOf(error);
  return status === 0 || status >= 500 || [408, 409, 423, 429].includes(status);
}

function reasonOf(error: Error): string {
  const body = error instanceof DetailedError ? error.originalResponse?.getBody() : undefined;
  const detail = body ? detailOf(body) : causeOf(error)?.message;
  return detail ?? `The server answered ${statusOf(error)}.`;
}

function detailOf(body: string): string | undefined {
  try {
    const problem = JSON.parse(body) as { detail?: string; title?: string };
    return problem.detail || problem.title;
  } catch {
    return undefined;
  }
}
