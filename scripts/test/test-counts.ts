/** Test counts of a level. Skipped tests count as failed, so that a machine lacking a requirement is noticed. */
export interface TestCounts {
  passed: number;
  failed: number;
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
}

/** Counts the tests of a Vitest JSON report. A file that failed before its first test counts as one failure. */
export function countVitestTests(report: VitestReport): TestCounts {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numPendingTests + broken.length,
  };
}

interface PlaywrightReport {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number };
  errors: unknown[];
}

/** Counts the tests of a Playwright JSON report. Flaky tests and errors outside tests count as failures. */
export function countPlaywrightTests({ stats, errors }: PlaywrightReport): TestCounts {
  return { passed: stats.expected, failed: stats.unexpected + stats.flaky + stats.skipped + errors.length };
}

/** Adds a failure if a level ran no tests, or if its program failed without a failed test. */
export function addUnreportedFailure(counts: TestCounts | undefined, exitCode: number): TestCounts {
  const { passed, failed } = counts ?? { passed: 0, failed: 0 };
  const unexplained = failed === 0 && (exitCode !== 0 || passed === 0);
  return { passed, failed: unexplained ? 1 : failed };
}
