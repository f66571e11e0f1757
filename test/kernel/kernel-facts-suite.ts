import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import * as bpfStructs from '../../server/bpf/bpf-structs.ts';
import { Btf, readVmlinuxBtf } from '../../server/bpf/btf.ts';
import { type BtfMember, resolveBtfValueType } from '../../server/bpf/btf-resolve.ts';
import { readKernelDropReasons } from '../../server/kernel/drop-reasons.ts';
import { openCurrentNamespace } from '../../server/kernel/netns.ts';
import { capabilityProbes, probeCapabilities } from '../../server/kernel/probe-capabilities.ts';
import * as netlinkStructs from '../../server/netlink/netlink-structs.ts';
import { listBoundSockets } from '../../server/netlink/socket-diag.ts';

type Layout = Readonly<Record<string, number>>;

/** Offset in bytes of a member by its path, `id.idiag_if`, through anonymous structs and unions; null without one. */
function offsetOf(btf: Btf, typeId: number, path: string): number | null {
  const type = resolveBtfValueType(btf, typeId);
  if (type.kind !== 'struct' && type.kind !== 'union') return null;
  for (const member of type.members) {
    const inside = memberOffset(btf, member, path);
    if (inside !== null) return (member.bitOffset - (member.bitOffset % 8)) / 8 + inside;
  }
  return null;
}

function memberOffset(btf: Btf, { name, type }: BtfMember, path: string): number | null {
  if (name === '') return offsetOf(btf, type, path);
  if (name === path) return 0;
  return path.startsWith(`${name}.`) ? offsetOf(btf, type, path.slice(name.length + 1)) : null;
}

/** Reads the BTF of the kernel and of all its modules; dumping sockets and connections loads those that define structs. */
async function readKernelBtf(): Promise<Btf[]> {
  using namespace = openCurrentNamespace();
  await listBoundSockets(namespace.fd, 1);
  execFileSync('ss', ['--packet', '--all']);
  execFileSync('conntrack', ['--dump'], { stdio: 'ignore' });
  const kernel = await readVmlinuxBtf();
  const modules = readdirSync('/sys/kernel/btf').filter((name) => name !== 'vmlinux');
  return [kernel, ...modules.map((name) => new Btf(readFileSync(`/sys/kernel/btf/${name}`), kernel))];
}

function differences(all: readonly Btf[], name: string, layout: Layout, checkSize: boolean): string[] {
  const btf = all.find((each) => each.find('struct', name) ?? each.find('union', name));
  const found = btf?.find('struct', name) ?? btf?.find('union', name);
  if (!btf || !found) return [`${name}: not in the kernel’s BTF`];
  const { bytes, ...fields } = layout;
  const size = resolveBtfValueType(btf, found.id).bytes;
  return [
    ...(checkSize && bytes !== undefined && bytes !== size
      ? [`${name}: ${bytes} bytes, kernel ${size}`]
      : []),
    ...Object.entries(fields).flatMap(([field, offset]) => {
      const actual = offsetOf(btf, found.id, field);
      return actual === offset ? [] : [`${name}.${field}: ${offset}, kernel ${actual}`];
    }),
  ];
}

/** The version of the running kernel, as a number to compare: 6.12 is 6012. */
const version = (text: string): number => {
  const [major = 0, minor = 0] = text.split('.').map((part) => Number.parseInt(part, 10));
  return major * 1000 + minor;
};

/** Tests if the kernel was built with an option; null when it does not publish its configuration. */
function hasConfig(option: string): boolean | null {
  if (!existsSync('/proc/config.gz')) return null;
  const config = gunzipSync(readFileSync('/proc/config.gz')).toString('latin1');
  return new RegExp(`^${option}=[ym]$`, 'm').test(config);
}

/** Checks what the code states about kernels against the running one. @param absent fields that it does not have yet */
export function describeKernelFacts(absent: readonly string[]): void {
  describe('offsets of kernel structs agree with the BTF of the running kernel', async () => {
    const btf = await readKernelBtf();
    const newer = (difference: string): boolean =>
      absent.some((field) => difference.startsWith(`${field}: `));

    test.each(Object.entries<Layout>(netlinkStructs))('netlink: struct %s, size included', (name, layout) => {
      expect(differences(btf, name, layout, true).filter((each) => !newer(each))).toEqual([]);
    });

    test.each(Object.entries<Layout>(bpfStructs))('bpf(2): %s', (name, layout) => {
      expect(differences(btf, name, layout, false).filter((each) => !newer(each))).toEqual([]);
    });

    test('fields listed as absent are absent', () => {
      const all = Object.entries<Layout>({ ...netlinkStructs, ...bpfStructs });
      const found = all.flatMap(([name, layout]) => differences(btf, name, layout, false));
      expect(absent.filter((field) => !found.some((each) => each.startsWith(`${field}: `)))).toEqual([]);
    });

    test('a wrong offset or size is found', () => {
      expect(differences(btf, 'ifinfomsg', { bytes: 20, ifi_index: 8, ifi_nothing: 0 }, true)).toEqual([
        'ifinfomsg: 20 bytes, kernel 16',
        'ifinfomsg.ifi_index: 8, kernel 4',
        'ifinfomsg.ifi_nothing: 0, kernel null',
      ]);
    });
  });

  describe('claimed kernel versions hold for the running kernel', () => {
    test.each(capabilityProbes)('$name since $since', async ({ name, since, config }) => {
      const { available } = (await probeCapabilities()).find((each) => each.name === name) ?? {};
      const missing = config.filter((option) => hasConfig(option) === false);
      if (version(release()) < version(since)) expect(available).toBe(false);
      else expect({ name, available }).toEqual({ name, available: missing.length === 0 });
    });

    test('the receiving socket in tracepoint kfree_skb since 6.11', async () => {
      const { hasReceiverSocket } = readKernelDropReasons(await readVmlinuxBtf());
      expect(hasReceiverSocket).toBe(version(release()) >= version('6.11'));
    });
  });
}
