import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrationSteps } from '../../../contract/migration.ts';
import { FaultInjectedAgent } from '../../testbed/faults/agent.ts';
import {
  addBridge,
  addBridgedPod,
  addOutside,
  addPtpPod,
  compareNetworks,
  type ForeignPod,
  printNetwork,
} from '../../testbed/foreign-pods.ts';
import { NamespaceTestbed } from '../../testbed/namespace-testbed.ts';
import { ping } from '../../testbed/node.ts';
import { pollUntil } from '../../testbed/poll.ts';

/** An agent that is killed at a step, and a node with a pod that others made. */
describe.each(['routed', 'bridged'] as const)('an agent that is killed while it moves a %s pod', (form) => {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-'));
  const pins = `/sys/fs/bpf/podlane-t-${randomBytes(3).toString('hex')}`;
  let node: NamespaceTestbed;
  let outside: string;
  let pod: ForeignPod;
  let agent: FaultInjectedAgent;
  let before: { host: string[]; pod: string[] };

  const openAgent = async (): Promise<void> => {
    agent = new FaultInjectedAgent(node.host);
    await agent.open({
      database: join(folder, 'podlane.db'),
      pins,
      maxSlots: 16,
      totals: new Map(),
      kill: 'process',
      sampleMs: 1000,
      without: [],
      again: false,
    });
  };

  beforeAll(async () => {
    node = new NamespaceTestbed();
    outside = addOutside(node);
    if (form === 'bridged') addBridge(node, '172.30.0.7');
    pod = form === 'bridged' ? await addBridgedPod(node, 'web', 7) : await addPtpPod(node, 'web', 7);
    before = { host: printNetwork(node), pod: printNetwork(node, pod.netns) };
    await openAgent();
  }, 120_000);
  afterAll(async () => {
    await agent?.kill();
    node?.[Symbol.dispose]();
    rmSync(pins, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  const differences = (): string[] => [
    ...compareNetworks(before.pod, printNetwork(node, pod.netns)),
    ...compareNetworks(before.host, printNetwork(node)),
  ];

  test.each(migrationSteps.flatMap((step) => (['before', 'after'] as const).map((when) => ({ step, when }))))(
    '$when $step: it is undone or finished, and nothing is lost',
    { timeout: 240_000 },
    async ({ step, when }) => {
      const { id } = await agent.adopt(pod.netns, 'web');
      const pinging = ping(form === 'bridged' ? node.host : outside, pod.address, 800, 5);
      for (const to of ['veth', 'released'] as const) {
        const killed = await agent.migrate(id, to, { step, fault: { type: 'kill', when } }, () => {});
        expect(killed.how).toBe('killed');
        await openAgent();
        const { listed, migration } = await agent.observe(id, killed.begun);
        if (killed.begun !== null)
          expect(migration?.state, JSON.stringify(migration?.error)).toMatch(/^(done|undone)$/);
        if (to === 'veth' && migration?.state === 'undone') expect(differences()).toEqual([]);
        if (migration?.state === 'done') {
          expect(listed).toBe(to === 'veth');
          continue;
        }
        const again = await agent.migrate(id, to, null, () => {});
        expect(again).toMatchObject({ how: 'ended', migration: { state: 'done' } });
      }
      expect(await pinging).toMatchObject({ lost: 0 });
      // The record ends after the migration has.
      await pollUntil(
        () => agent.observe(id, null),
        ({ listed, used }) => !listed && used === 0,
      );
      expect(differences()).toEqual([]);
    },
  );
});
