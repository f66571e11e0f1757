import { randomBytes } from 'node:crypto';
import { closeSync, unlinkSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensurePinDirectory, pinBpfObject, removePinDirectory } from '../../../server/bpf/pin.ts';
import { readBpfProgramInfo } from '../../../server/bpf/program-info.ts';
import { loadMinimalProgram, minimalProgramTypes } from '../../../server/kernel/capability-probe-programs.ts';
import {
  createNamedNamespace,
  deleteNamedNamespace,
  openNetworkNamespace,
} from '../../../server/kernel/netns.ts';
import { addClsactQdisc } from '../../../server/netlink/clsact.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { addTcBpfFilter } from '../../../server/netlink/tc-filter.ts';
import { BpfScanner } from '../../../server/programs/bpf-scanner.ts';
import type { ScannedNamespace } from '../../../server/programs/scan/node-scan.ts';

/** A node is large from a hundred namespaces on. */
const count = 102;
const name = `podlane-t-${randomBytes(3).toString('hex')}`;
const pins = `/sys/fs/bpf/${name}`;
const namespaces: ScannedNamespace[] = [];
const descriptors: number[] = [];
let scanner: BpfScanner;

beforeAll(async () => {
  for (let number = 0; number < count; number += 1)
    namespaces.push({
      path: createNamedNamespace(`${name}-${number}`),
      ref: { inode: '0', host: number === 0, pod: null, name: `ns-${number}` },
    });
  scanner = new BpfScanner(() => namespaces);
  await scanner.scan();
});
afterAll(async () => {
  await scanner?.close();
  for (const fd of descriptors) closeSync(fd);
  for (let number = 0; number < namespaces.length; number += 1) deleteNamedNamespace(`${name}-${number}`);
  removePinDirectory(pins);
});

/** Loads a program of somebody else. */
async function load(): Promise<{ fd: number; id: number }> {
  const fd = await loadMinimalProgram('load', minimalProgramTypes.schedulerClassifier, { result: -1 });
  descriptors.push(fd);
  return { fd, id: readBpfProgramInfo(fd).id };
}

/** Attaches a program as a filter of the loopback of a namespace, which makes no object in the kernel. */
async function attachFilter(number: number, program: number): Promise<void> {
  using namespace = openNetworkNamespace(namespaces[number]!.path);
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  await addClsactQdisc(socket, 1);
  await addTcBpfFilter(socket, 1, 'tc/ingress', { program, name: 'foreign' });
}

const namesOf = (scan: Awaited<ReturnType<BpfScanner['scan']>>, id: number) =>
  scan.attachments.filter(({ programId }) => programId === id).map(({ device }) => device?.namespace?.name);

test('a new program is found in whatever namespace it is, though namespaces were read before', async () => {
  const { fd, id } = await load();
  await attachFilter(50, fd);
  expect(namesOf(await scanner.scan(), id)).toEqual(['ns-50']);
});

test('a known program that is attached once more is found by an exact scan, and others say what they have not read', async () => {
  const { fd, id } = await load();
  await attachFilter(60, fd);
  expect(namesOf(await scanner.scan(), id)).toEqual(['ns-60']);
  await attachFilter(61, fd);
  await load(); // Of other objects, so that the last scan is not given again.
  const scan = await scanner.scan();
  if (!namesOf(scan, id).includes('ns-61'))
    expect(scan.unread).toContainEqual(
      expect.stringMatching(/^changes in the last \d+ s of what is attached in \d+ network namespaces/),
    );
  expect(namesOf(await scanner.scan({ exact: true }), id)).toEqual(['ns-60', 'ns-61']);
});

test('a list does not wait for a scan, and tells what is new since the one before', async () => {
  const { id } = await load();
  const scan = await scanner.scan({ waitMs: 0 });
  expect(scan.added.program).toContain(id);
  expect(scan.unread).toContainEqual(expect.stringMatching(/new program.*they are being read$/));
  await expect.poll(async () => (await scanner.scan({ waitMs: 0 })).added.program.has(id)).toBe(false);
});

test('another object that is pinned at a known path is seen', async () => {
  ensurePinDirectory(pins);
  const path = `${pins}/program`;
  for (const { fd, id } of [await load(), await load()]) {
    pinBpfObject(fd, path);
    await load();
    expect((await scanner.scan()).pins).toContainEqual({ kind: 'program', id, path });
    unlinkSync(path);
  }
});
