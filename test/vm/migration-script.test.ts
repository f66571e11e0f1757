import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateCases } from '../testbed/migration-script/cases.ts';
import { TwinNodes } from '../testbed/migration-script/twin-nodes.ts';

/** The guest is slow: each direction once, one in each mode; natively there are many more. */
const cases = generateCases(2, 2, [
  { from: 'netkit', to: 'veth', mode: 'l2', programsOnPrimary: true },
  { from: 'veth', to: 'netkit', mode: 'l3' },
]);

let nodes: TwinNodes;
let executed = 0;
beforeAll(async () => {
  nodes = await TwinNodes.open(cases);
}, 2_400_000);
afterAll(async () => {
  await nodes?.[Symbol.asyncDispose]();
  console.info(`${executed} of ${cases.length} scripts executed between netkit and veth`);
});

test.each(cases.map((each, index) => [each.name, index] as const))(
  'the script of a plan ends in the state that the migration ends in, %s',
  async (_, index) => {
    const { before, after } = await nodes.run(index);
    executed += 1;
    expect(before.scripted).toEqual(before.migrated);
    expect(after.scripted).toEqual(after.migrated);
    expect(after.scripted).not.toEqual(before.scripted);
  },
  1_200_000,
);
