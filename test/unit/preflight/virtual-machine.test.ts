import { expect, test } from 'vitest';
import { findVirtualMachine } from '../../../server/preflight/virtual-machine.ts';

const nothing = { runtime: null, programs: [], interfaces: [] };

test.each([
  ['kata', 'Kata Containers'],
  ['kata-qemu', 'Kata Containers'],
  ['io.containerd.kata.v2', 'Kata Containers'],
  ['runsc', 'gVisor'],
  ['gvisor', 'gVisor'],
  ['io.containerd.runsc.v1', 'gVisor'],
  ['aws.firecracker', 'Firecracker'],
])('runtime %s is %s', (runtime, name) => {
  expect(findVirtualMachine({ ...nothing, runtime })?.name).toBe(name);
});

test.each(['runc', 'crun', 'io.containerd.runc.v2', 'youki', 'nvidia', ''])(
  'runtime %s is none',
  (runtime) => {
    expect(findVirtualMachine({ ...nothing, runtime })).toBeNull();
  },
);

test.each([
  ['runsc-sandbox', 'gVisor'],
  ['runsc-gofer', 'gVisor'],
  ['qemu-system-aarch64', 'QEMU'],
  ['virt-launcher-monitor', 'KubeVirt'],
  ['cloud-hypervisor', 'Cloud Hypervisor'],
  ['firecracker', 'Firecracker'],
])('process %s shows %s', (program, name) => {
  expect(findVirtualMachine({ ...nothing, programs: ['sh', program] })?.name).toBe(name);
});

test.each(['nginx', 'qemu-ga', 'firecrackerd', 'runscript', 'pause'])('process %s shows none', (program) => {
  expect(findVirtualMachine({ ...nothing, programs: [program] })).toBeNull();
});

test('interfaces show Kata Containers and KubeVirt; a VPN’s do not', () => {
  const name = (link: string, kind: string | null = 'tun') =>
    findVirtualMachine({ ...nothing, interfaces: [{ name: link, kind }] })?.name ?? null;
  expect([name('tap0_kata'), name('br0_kata'), name('k6t-eth0')]).toEqual([
    'Kata Containers',
    'Kata Containers',
    'KubeVirt',
  ]);
  expect([name('tun0'), name('tailscale0'), name('wg0', 'wireguard'), name('eth0', 'veth')]).toEqual([
    null,
    null,
    null,
    null,
  ]);
});
