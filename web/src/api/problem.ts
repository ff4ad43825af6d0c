/** One field of a request that broke a rule. */
export interface FieldProblem {
  field: string;
  message: string;
}

interface Parts {
  status: number;
  code: string;
  title: string;
  detail: string;
  errors?: FieldProblem[];
  requestId?: string | null;
  retryAfter?: number | null;
}

/** What went wrong with a request: RFC 9457 problem details, or what stands in for them when there was no answer. */
export class Problem extends Error {
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The stable code of the problem's kind. */
  readonly code: string;
  readonly title: string;
  readonly errors: FieldProblem[];
  /** What the log knows this request by. */
  readonly requestId: string | null;
  /** Seconds until it is worth trying again. */
  readonly retryAfter: number | null;

  constructor(parts: Parts) {
    super(parts.detail || parts.title);
    this.name = 'Problem';
    this.status = parts.status;
    this.code = parts.code;
    this.title = parts.title;
    this.errors = parts.errors ?? [];
    this.requestId = parts.requestId ?? null;
    this.retryAfter = parts.retryAfter ?? null;
  }
}

/** The problem that a refused request's answer tells of, whatever its body is. */
export function problemOf(response: Response, body: unknown): Problem {
  const details = isRecord(body) ? body : {};
  const text = (key: string) => (typeof details[key] === 'string' ? (details[key] as string) : '');
  return new Problem({
    status: response.status,
    code: text('code') || `http-${response.status}`,
    title: text('title') || response.statusText || `The server answered ${response.status}`,
    detail: sentence(text('detail') || plainErrors(details.errors)),
    errors: Array.isArray(details.errors) ? details.errors.filter(isFieldProblem) : [],
    requestId: response.headers.get('x-request-id'),
    retryAfter: seconds(response.headers.get('retry-after')),
  });
}

/** The problem of a request that got no answer. */
export function unreachable(cause: unknown): Problem {
  const problem = new Problem({
    status: 0,
    code: 'unreachable',
    title: 'The server does not answer',
    detail: 'The server does not answer. Check the connection, and that Nexus COS is running.',
  });
  problem.cause = cause;
  return problem;
}

/** Any error as a problem, so that there is one way to show them. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new Problem({ status: 0, code: 'unexpected', title: 'Something went wrong', detail });
}

/** The messages of a problem by field, for a form that has these fields; `null` when none of them is at fault. */
export function fieldErrors(problem: Problem, fields: readonly string[]): Record<string, string> | null {
  const found = problem.errors.filter(({ field }) => fields.includes(field));
  if (found.length === 0) return null;
  return Object.fromEntries(found.map(({ field, message }) => [field, sentence(message)]));
}

/** Details are written as parts of a log line; people read sentences. */
function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What is refused in the way of Vault says so in plain texts. */
function plainErrors(errors: unknown): string {
  return Array.isArray(errors) ? errors.filter((error) => typeof error === 'string').join('; ') : '';
}

function seconds(header: string | null): number | null {
  const value = Number(header);
  return header !== null && Number.isFinite(value) && value >= 0 ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isFieldProblem(value: unknown): value is FieldProblem {
  return isRecord(value) && typeof value.field === 'string' && typeof value.message === 'string';
}
