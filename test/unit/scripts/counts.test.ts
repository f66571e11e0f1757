import { describe, expect, test } from 'vitest';
import {
  addUnreportedFailure,
  countPlaywrightTests,
  countVitestTests,
} from '../../../scripts/test/test-counts.ts';

describe('a level’s counts', () => {
  test('a file that fails before its first test counts as one failed, a skipped test as failed', () => {
    const report = {
      numPassedTests: 4,
      numFailedTests: 1,
      numPendingTests: 1,
      testResults: [
        { status: 'failed', assertionResults: [] },
        { status: 'failed', assertionResults: [{}] },
        { status: 'passed', assertionResults: [{}] },
      ],
    };
    expect(countVitestTests(report)).toEqual({ passed: 4, failed: 3 });
  });

  test('a browser test that passed only when repeated has failed', () => {
    const stats = { expected: 3, unexpected: 1, flaky: 1, skipped: 1 };
    expect(countPlaywrightTests({ stats, errors: [{}] })).toEqual({ passed: 3, failed: 4 });
  });

  test('nothing run, no report, or a failure that no test shows is one failed', () => {
    expect(addUnreportedFailure({ passed: 0, failed: 0 }, 0)).toEqual({ passed: 0, failed: 1 });
    expect(addUnreportedFailure(undefined, 0)).toEqual({ passed: 0, failed: 1 });
    expect(addUnreportedFailure({ passed: 5, failed: 0 }, 1)).toEqual({ passed: 5, failed: 1 });
    expect(addUnreportedFailure({ passed: 5, failed: 2 }, 1)).toEqual({ passed: 5, failed: 2 });
    expect(addUnreportedFailure({ passed: 5, failed: 0 }, 0)).toEqual({ passed: 5, failed: 0 });
  });
});
