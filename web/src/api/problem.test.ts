import { describe, expect, it } from 'vitest';
import { asProblem, fieldErrors, problemOf } from './problem';

const answer = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers });

describe('a problem', () => {
  it('has the kind, the detail, the fields and what the log knows it by', () => {
    const problem = problemOf(answer(422, { 'x-request-id': '0199b3a2', 'retry-after': '30' }), {
      type: 'https://nexus-cos.dev/problems/validation-failed',
      title: 'Invalid input',
      status: 422,
      detail: 'mend the fields',
      code: 'validation-failed',
      errors: [{ field: 'email', message: 'not a valid address' }, 'nonsense'],
    });
    expect(problem).toMatchObject({
      status: 422,
      code: 'validation-failed',
      title: 'Invalid input',
      message: 'Mend the fields',
      errors: [{ field: 'email', message: 'not a valid address' }],
      requestId: '0199b3a2',
      retryAfter: 30,
    });
  });

  it.each([null, undefined, '', 'Bad gateway', 42, [], { detail: 7, errors: 'x' }])(
    'is made of a strange body too: %j',
    (body) => {
      const problem = problemOf(answer(502), body);
      expect(problem).toMatchObject({ status: 502, code: 'http-502', errors: [], requestId: null, retryAfter: null });
      expect(problem.message).not.toBe('');
    },
  );

  it('is what any other error becomes', () => {
    expect(asProblem(new RangeError('out of range'))).toMatchObject({ code: 'unexpected', message: 'out of range' });
    const problem = problemOf(answer(404), { code: 'not-found' });
    expect(asProblem(problem)).toBe(problem);
  });

  it('shows at its fields only when the form has them', () => {
    const problem = problemOf(answer(422), { errors: [{ field: 'name', message: 'must have 1 to 100 characters' }] });
    expect(fieldErrors(problem, ['name', 'email'])).toEqual({ name: 'Must have 1 to 100 characters' });
    expect(fieldErrors(problem, ['password'])).toBeNull();
  });
});
