import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateCases } from '../../testbed/migration-script/cases.ts';
import { TwinNodes } from '../../testbed/migration-script/twin-nodes.ts';

// A script starts some forty processes, on a machine that may be busy.
const testTimeout = 480_000;

describe.each([
  ['tcx', 10, []],
  ['clsact', 6, ['--without', 'tcx']],
  ['tcx without renaming of interfaces that are up', 2, ['--without', 'live-rename']],
] as const)('the script of a plan, with programs on %s', (name, count, flags) => {
  const cases = generateCases(count, count, [{ from: 'veth', to: 'veth' }]);
  let nodes: TwinNodes;
  let executed = 0;
  beforeAll(async () => {
    nodes = await TwinNodes.open(cases, [...flags]);
  }, 1_200_000);
  afterAll(async () => {
    await nodes?.[Symbol.asyncDispose]();
    console.info(`${executed} of ${count} scripts executed with programs on ${name}`);
  });

  test.each(cases.map((each, index) => [each.name, index] as const))(
    'ends in the state that the migration ends in, %s',
    async (_, index) => {
      const { before, after } = await nodes.run(index);
      executed += 1;
      expect(before.scripted).toEqual(before.migrated);
      expect(after.scripted).toEqual(after.migrated);
      expect(after.scripted).not.toEqual(before.scripted);
    },
    testTimeout,
  );
});
