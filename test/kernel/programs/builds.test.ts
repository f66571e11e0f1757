import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { Build, BuildActivation, DatapathBuildList } from '../../../contract/build.ts';
import type { NodeInfo } from '../../../contract/node.ts';
import type { Pod } from '../../../contract/pod.ts';
import { anotherBuild, objectRefusedByVerifier, SigningKey } from '../../testbed/builds.ts';
import { addPods } from '../../testbed/many-pods.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';

const pods = 20;
const image = anotherBuild();
let trust: string;
let key: SigningKey;
let node: TestNode;
let added: Build;
let client: Pod;

const list = () => node.ask<DatapathBuildList>('GET', '/builds');
const running = async (): Promise<string> => (await node.ask<NodeInfo>('GET', '/node')).datapath.build;
/** Ids of our programs on a pod. */
const programsOf = async (n: number): Promise<number[]> => {
  const { device } = await node.ask<Pod>('GET', `/pods/shop.many-${n}`);
  return device!.programs.filter(({ ours }) => ours).map(({ id }) => id);
};
/** Packets in and out of a pod by the last sample. */
async function packetsOf(n: number): Promise<number[]> {
  const text = await node.metrics();
  return ['ingress', 'egress'].map((direction) => {
    const line = `podlane_pod_packets_total{namespace="shop",pod="many-${n}",direction="${direction}"} `;
    return Number(text.split(line)[1]?.split('\n')[0] ?? Number.NaN);
  });
}

beforeAll(async () => {
  trust = mkdtempSync(join(tmpdir(), 'podlane-trust-'));
  key = new SigningKey(trust);
  node = await startTestNode(['--trust', trust]);
  client = (await addPods(node, pods, 'veth'))[1]!;
}, 240_000);
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  rmSync(trust, { recursive: true });
});

test('a build that is unsigned or refused by the verifier is not added', async () => {
  const otherKey = new SigningKey(mkdtempSync(join(trust, 'not-')));
  await expect(node.ask('POST', '/builds', otherKey.body(image))).rejects.toMatchObject({
    code: 'unsigned_build',
  });
  await expect(node.ask('POST', '/builds', key.body(objectRefusedByVerifier()))).rejects.toMatchObject({
    code: 'verifier_refused',
    message: expect.stringMatching(/R9 !read_ok, at instruction 0 \(r0 = r9\)/),
    hint: expect.stringContaining('read before'),
  });
  expect((await list()).items).toHaveLength(1);
});

test('activation under traffic loses no packet, and counters continue', async () => {
  added = await node.ask<Build>('POST', '/builds', key.body(image));
  await node.ask('PUT', '/rules', {
    name: 'shop',
    rules: [
      {
        name: 'quiet',
        direction: 'ingress',
        subject: { pod: 'shop.many-5' },
        protocol: 'icmp',
        action: 'deny',
      },
    ],
  });
  const before = await programsOf(0);
  const pings = [0, 7, 19].map((n) => ping(node.host, `10.43.0.${n}`, 400));
  const activation = await node.ask<BuildActivation>('POST', `/builds/${added.sha256}/activation`);
  expect(activation).toMatchObject({
    state: 'done',
    actor: 'local',
    attachments: { total: 2 * pods, replaced: 2 * pods },
  });
  expect(await running()).toBe(added.sha256);
  await node.ask('POST', '/builds/rollback');
  await node.ask('POST', '/builds/rollback');
  for (const { sent, lost } of await Promise.all(pings)) expect([sent, lost]).toEqual([400, 0]);
  await expect.poll(() => packetsOf(7), { timeout: 12_000 }).toEqual([400, 400]);
  expect(await packetsOf(19)).toEqual([400, 400]);
  expect(await programsOf(0)).not.toEqual(before);
  expect(new Set((await Promise.all([0, 1, 19].map(programsOf))).map(String)).size).toBe(1);
});

test('access rules stay active with the programs of another build', async () => {
  const answers = (n: number): string =>
    node.run(
      ['sh', '-c', `ping -n -c 2 -i 0.05 -W 0.5 10.43.0.${n} > /dev/null && echo yes || echo no`],
      client.netns.path,
    );
  expect([answers(5), answers(6)]).toEqual(['no\n', 'yes\n']);
  await node.ask('POST', '/builds/rollback');
  expect([answers(5), answers(6)]).toEqual(['no\n', 'yes\n']);
  await node.ask('POST', '/builds/rollback');
});

test('the chosen build runs after a restart, with the same programs', async () => {
  const before = await programsOf(3);
  await node.killAgent();
  await node.startAgent();
  expect(await running()).toBe(added.sha256);
  expect(await programsOf(3)).toEqual(before);
});

test('a pod added later gets the running programs, and events name the users', async () => {
  const pod = await node.addPod('later', '10.43.1.1/32', 'veth');
  expect(pod.device!.programs.map(({ id }) => id)).toEqual(await programsOf(0));
  const { items } = await node.ask<{ items: AgentEvent[] }>('GET', '/events');
  const told = items.filter(({ type }) => type.startsWith('build.')).map(({ type }) => type);
  expect(told).toEqual([...Array(5).fill('build.activated'), 'build.added']);
});
