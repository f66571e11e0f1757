import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { createNamedNamespace, deleteNamedNamespace } from '../../server/kernel/netns.ts';
import { BpfScanner } from '../../server/programs/bpf-scanner.ts';
import { BpfMaps } from '../../server/programs/maps.ts';
import { BpfPrograms } from '../../server/programs/programs.ts';
import { expectForeignObjects } from '../kernel/programs/attach-points.ts';
import { compareHooks, compareLinks, compareMaps, comparePrograms } from '../kernel/programs/bpftool.ts';
import { attachForeignObjects } from '../kernel/programs/foreign-objects.ts';

// bpftool on the guest's PATH is 7.5, which knows tcx and netkit. With an agent the same is tested natively.
test('programs at netkit hooks are found, in their order, as bpftool finds them', async () => {
  const name = `podlane-t-${randomBytes(3).toString('hex')}`;
  const host = createNamedNamespace(name);
  onTestFinished(() => deleteNamedNamespace(name));
  const device = { ifindex: 4711, name: 'nk0' };
  execFileSync('nsenter', [
    `--net=${host}`,
    ...'ip link add nk0 index 4711 type netkit mode l3 peer name nk1'.split(' '),
  ]);
  const others = await attachForeignObjects(host, { ifindex: device.ifindex, hook: 'netkit/peer' });
  onTestFinished(() => others[Symbol.dispose]());

  const ref = { inode: '0', host: true, pod: null, name: 'host' };
  const scanner = new BpfScanner(() => [{ path: host, ref }]);
  onTestFinished(() => scanner.close());
  const ours = { pins: `/sys/fs/bpf/${name}`, programIds: () => [others.programs.device] };
  const store = { setting: async () => null, saveSetting: async () => undefined };
  const programs = await BpfPrograms.open({ ours, scanner, store });
  onTestFinished(() => programs.close());

  const { items, statistics } = await programs.list();
  expect(statistics.on).toBe(true);
  comparePrograms(items, Object.values(others.programs), process.pid);
  compareHooks(items, host);
  expectForeignObjects(items, others, { hook: 'netkit/peer', device, before: 0 });
  const named = items.find(({ id }) => id === others.programs.device);
  expect(named!.owner).toEqual({ kind: 'podlane', what: 'datapath' });
  compareLinks(await programs.links(), []);
  const maps = new BpfMaps({ ours, scanner, recordEdit: async () => undefined });
  compareMaps(await maps.list(), Object.values(others.maps));
});
