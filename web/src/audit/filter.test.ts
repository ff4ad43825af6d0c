import { describe, expect, it } from 'vitest';
import { NO_FILTER, queryOf } from './filter';

describe('the filter of the log', () => {
  it('asks for nothing that was not chosen', () => {
    expect(queryOf(NO_FILTER)).toEqual({});
    expect(queryOf({ ...NO_FILTER, outcome: 'failed', address: ' 203.0.113.7 ' })).toEqual({
      outcome: 'failed',
      address: '203.0.113.7',
    });
  });
});
