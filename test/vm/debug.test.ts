import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findExternalTools } from '../../server/debug/external-tools.ts';
import { takeDebugDump } from '../../server/debug/take-dump.ts';
import {
  createBpfLinkSync,
  loadMinimalProgram,
  minimalProgramAttachTypes,
  minimalProgramTypes,
} from '../../server/kernel/capability-probe-programs.ts';
import { deleteLink, getLink } from '../../server/netlink/link.ts';
import { addNetkit } from '../../server/netlink/netkit.ts';
import { NetlinkSocket } from '../../server/netlink/socket.ts';
import { corruptFiles, unpackDump } from '../testbed/dump.ts';

// biome-ignore lint/suspicious/noExplicitAny: as iproute2 and our own reading tell it
const named = (links: any[], name: string) => links.find((link) => (link.ifname ?? link.name) === name);

test('an archive taken without an agent tells netkit devices, their policies and the programs on their hooks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-dump-'));
  using socket = NetlinkSocket.open();
  const primary = { name: 'nkt0' };
  await addNetkit(socket, { mode: 'l3', primary, peer: { name: 'nkt1' }, policy: { peer: 'blackhole' } });
  const { ifindex } = (await getLink(socket, primary))!;
  const program = await loadMinimalProgram('load a tc program', minimalProgramTypes.schedulerClassifier, {
    result: -1,
  });
  const link = createBpfLinkSync(
    'attach netkit/peer',
    program,
    ifindex,
    minimalProgramAttachTypes.netkitPeer,
  );
  onTestFinished(async () => {
    for (const fd of [link, program]) closeSync(fd);
    using after = NetlinkSocket.open();
    await deleteLink(after, ifindex);
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'dump.tar.gz');
  await takeDebugDump({
    file,
    name: 'dump',
    podlane: '0',
    maxBytes: 64 << 20,
    pods: undefined,
    agent: null,
    parts: ['network', 'programs', 'statistics'],
    tools: await findExternalTools(),
    pins: '/sys/fs/bpf/none',
    capabilities: () => [],
    secrets: [],
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  using taken = unpackDump(file);
  expect(corruptFiles(taken)).toEqual([]);
  expect(taken.manifest.files.filter(({ problem }) => problem !== null)).toEqual([]);
  expect(named(taken.json('host/ip/links.json'), 'nkt0').linkinfo).toMatchObject({
    info_kind: 'netkit',
    info_data: { type: 'primary', policy: 'forward', peer_policy: 'blackhole' },
  });
  expect(named(taken.json('host/ours/links.json'), 'nkt0')).toMatchObject({
    ifindex,
    kind: 'netkit',
    netkit: { primary: true, policy: 'forward', peerPolicy: 'blackhole' },
  });
  expect(taken.read('bpf/bpftool/net.json').toString()).toMatch(/"nkt0".*netkit\/peer|netkit_peer/);
  // Its driver counts nothing of its own.
  expect(taken.json('host/ours/ethtool.json')).toMatchObject({ nkt0: null, nkt1: null });
  expect(named(taken.json('host/ip/link-statistics.json'), 'nkt1')).toHaveProperty('stats64');
});
