import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Activation, Build, UserProgram } from '../../contract/build.ts';
import type { Pod } from '../../contract/pod.ts';
import { anotherBuild, exampleObject, SigningKey } from '../rig/builds.ts';
import { ping, type RiggedNode, rigNode } from '../rig/node.ts';

const object = readFileSync(exampleObject).toString('base64');
let trust: string;
let node: RiggedNode;
let pod: Pod;

beforeAll(async () => {
  trust = mkdtempSync(join(tmpdir(), 'podlane-trust-'));
  node = await rigNode(['--trust', trust]);
  node.run(['ip', 'address', 'add', '10.42.255.1/32', 'dev', 'lo']);
  pod = await node.addPod('cart', '10.42.0.2/32', 'netkit');
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  rmSync(trust, { recursive: true });
});

/** What runs where packets leave the pod: hook, then programs in their order. */
const leaving = async (): Promise<(string | number | undefined)[]> => {
  const { device } = await node.ask<Pod>('GET', '/pods/shop.cart');
  const programs = device!.programs.filter(({ hook }) => hook === 'netkit/peer' || hook === 'tcx/ingress');
  return [programs[0]?.hook, ...programs.map(({ ours, user }) => (ours ? 'ours' : user))];
};

test('a user’s programs are around ours on a netkit peer, and go along to its primary, back, and to veth', async () => {
  for (const place of ['before', 'after'])
    await node.ask<UserProgram>('POST', '/pods/shop.cart/programs', {
      ...{ object, section: 'count_ports', hook: 'netkit/peer', place },
    });
  expect(await leaving()).toEqual(['netkit/peer', 1, 'ours', 2]);
  await node.ask('PUT', '/pods/shop.cart/hooks', { to: 'primary' });
  expect(await leaving()).toEqual(['tcx/ingress', 1, 'ours', 2]);
  await node.ask('PUT', '/pods/shop.cart/hooks', { to: 'device' });
  expect(await leaving()).toEqual(['netkit/peer', 1, 'ours', 2]);
  const { state, error } = await node.migrate('shop.cart', 'veth');
  expect(state, JSON.stringify(error)).toBe('done');
  expect(await leaving()).toEqual(['tcx/ingress', 1, 'ours', 2]);
  expect((await node.migrate('shop.cart', 'netkit')).state).toBe('done');
  expect(await leaving()).toEqual(['netkit/peer', 1, 'ours', 2]);
});

test('another build takes the place of ours on netkit hooks under traffic, with no packet lost', async () => {
  const added = await node.ask<Build>('POST', '/builds', new SigningKey(trust).body(anotherBuild()));
  const pinging = ping(pod.netns.path, '10.42.255.1', 400, 5);
  const activation = await node.ask<Activation>('POST', `/builds/${added.sha256}/activation`);
  expect(activation).toMatchObject({ state: 'done', attachments: { replaced: 2 } });
  await node.ask('POST', '/builds/rollback');
  expect((await pinging).lost).toBe(0);
  expect(await leaving()).toEqual(['netkit/peer', 1, 'ours', 2]);
});
