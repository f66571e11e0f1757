import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { kernelCapabilityNameSchema, kernelCapabilitySchema } from '../../contract/node.ts';
import { probeCapabilities } from '../../server/kernel/probe-capabilities.ts';

test('every capability is probed, with a detail of what succeeded or why it is missing', async () => {
  const capabilities = await probeCapabilities();
  expect(capabilities.map(({ name }) => name).sort()).toEqual([...kernelCapabilityNameSchema.options].sort());
  for (const one of capabilities) {
    expect(kernelCapabilitySchema.parse(one)).toEqual(one);
    expect(one.detail).not.toBe('');
    expect(one.hint === null).toBe(one.available);
  }
});

test('netkit is available exactly if `ip` can create it', async () => {
  const netkit = (await probeCapabilities()).find(({ name }) => name === 'netkit');
  const namespace = `podlane-t-probe-${process.pid}`;
  execFileSync('ip', ['netns', 'add', namespace]);
  try {
    // An old iproute2 does not know the word and passes it to the kernel.
    const made = () =>
      execFileSync('ip', ['-n', namespace, 'link', 'add', 'n0', 'type', 'netkit'], { stdio: 'pipe' });
    if (netkit?.available) made();
    else {
      expect(made).toThrow(/Unknown device type/);
      expect(netkit).toMatchObject({
        detail: expect.stringContaining('Unknown device type (EOPNOTSUPP)'),
        hint: expect.stringContaining('CONFIG_NETKIT'),
      });
    }
  } finally {
    execFileSync('ip', ['netns', 'delete', namespace]);
  }
});

test('a probe leaks no descriptor and stays in its namespace', async () => {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const before = [descriptors(), readlinkSync('/proc/self/ns/net')];
  await probeCapabilities();
  expect([descriptors(), readlinkSync('/proc/self/ns/net')]).toEqual(before);
});
