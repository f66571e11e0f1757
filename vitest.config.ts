import { defineConfig } from 'vitest/config';

/** Makes a test file fail that leaves a descriptor of the agent's code open. */
const setupFiles = ['test/setup/descriptors.ts'];

/** A condition that is polled for comes late on a busy machine. */
const polling = { poll: { timeout: 30_000 } } as const;

/**
 * Tests that share one machine: one file after the other, all in one process, so that native code is loaded once.
 * Time-outs only end what hangs: they leave room for a machine that is busy with other work.
 */
const onTheMachine = {
  setupFiles,
  expect: polling,
  pool: 'forks',
  maxWorkers: 1,
  isolate: false,
  fileParallelism: false,
  testTimeout: 120_000,
  hookTimeout: 120_000,
} as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          include: ['test/unit/**/*.test.ts'],
          setupFiles,
          expect: polling,
        },
      },
      { test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], ...onTheMachine } },
      { test: { name: 'runtime', include: ['test/runtime/**/*.test.ts'], ...onTheMachine } },
      {
        test: {
          name: 'kubernetes',
          include: ['test/kubernetes/**/*.test.ts'],
          ...onTheMachine,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      // The emulated guest takes ten times as long.
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          ...onTheMachine,
          testTimeout: 400_000,
          hookTimeout: 400_000,
        },
      },
    ],
  },
});
