import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GuestFiles } from './fetch-guest-files.ts';
import { virtiofsSocketName } from './guest-job.ts';
import { measureTscKhz } from './measure-tsc.ts';

export interface VirtualMachineOptions {
  memoryMiB: number;
  cpus: number;
  /**
   * True to let the guest's clock count executed instructions: slow and on one emulated CPU, but with repeatable
   * figures.
   */
  instructionCounted: boolean;
  forward: { hostPort: number; guestPort: number }[];
}

export type QemuAccelerator = 'kvm' | 'tcg';

/** Descriptors that QEMU inherits: connected Unix stream sockets behind the guest's serial ports. */
export const guestSerialPorts = { stdout: 3, stderr: 4, control: 5 } as const;

/**
 * PODLANE_VM_ACCEL, or KVM where it can be opened on a CPU with hardware virtualization. /dev/kvm alone says little: there are
 * machines whose KVM has no such CPU below it and stops at the first instruction that it cannot emulate.
 */
export function chooseQemuAccelerator(): QemuAccelerator {
  const wish = process.env.PODLANE_VM_ACCEL;
  if (wish === 'kvm' || wish === 'tcg') return wish;
  if (wish) throw new Error(`PODLANE_VM_ACCEL is “${wish}”: it can be kvm or tcg`);
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  return /^flags\s*:.* (vmx|svm)( |$)/m.test(readFileSync('/proc/cpuinfo', 'utf8')) ? 'kvm' : 'tcg';
}

/**
 * Arguments of qemu-system-x86_64. Its working directory is the job's folder, with the file server's socket in it;
 * its descriptors 3 to 5 are `guestSerialPorts`.
 */
export function buildQemuArguments(
  files: GuestFiles,
  job: string,
  machine: VirtualMachineOptions,
  accelerator: QemuAccelerator,
): string[] {
  const { memoryMiB, cpus, instructionCounted, forward } = machine;
  const emulated = instructionCounted || accelerator === 'tcg';
  const args = ['-L', join(files.root, 'usr/share/qemu'), '-L', join(files.root, 'usr/share/seabios')];
  args.push('-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-monitor', 'none');
  args.push('-M', 'pc', '-m', String(memoryMiB), '-smp', String(instructionCounted ? 1 : cpus));
  if (instructionCounted) args.push('-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off');
  else args.push('-accel', emulated ? 'tcg,thread=multi,tb-size=1024' : 'kvm');
  // QEMU 7.2's emulation crashes in cmpxchg16b. V8 switches protection keys often, each time with a flush of the emulated
  // TLB, and a fifth level of page tables makes filling it slower: without both a migration took two thirds of the time.
  // With erms the kernel copies and clears memory byte by byte, which costs an agent's start a tenth.
  args.push('-cpu', emulated ? 'max,-cx16,-pku,-la57,-erms' : 'host');

  args.push(
    '-object',
    `memory-backend-memfd,id=memory,size=${memoryMiB}M,share=on`,
    '-numa',
    'node,memdev=memory',
  );
  args.push('-chardev', `socket,id=root,path=${virtiofsSocketName(job)}`);
  args.push('-device', 'vhost-user-fs-pci,queue-size=1024,chardev=root,tag=hostroot');
  args.push('-serial', 'file:console', '-device', 'virtio-serial-pci');
  for (const [name, descriptor] of Object.entries(guestSerialPorts)) {
    args.push(
      '-chardev',
      `socket,id=${name},fd=${descriptor}`,
      '-device',
      `virtserialport,chardev=${name},name=${name}`,
    );
  }
  if (forward.length > 0) {
    const rules = forward
      .map((port) => `,hostfwd=tcp:127.0.0.1:${port.hostPort}-:${port.guestPort}`)
      .join('');
    args.push('-netdev', `user,id=net,restrict=on${rules}`, '-device', 'virtio-net-pci,netdev=net');
  }
  args.push('-kernel', files.vmlinux, '-append', kernelCommandLine(files, job, emulated));
  return args;
}

function kernelCommandLine(files: GuestFiles, job: string, emulated: boolean): string {
  const init = join(files.root, 'bin/busybox');
  const words = [
    'root=hostroot',
    'rootfstype=virtiofs',
    'rw',
    `init=${init}`,
    'console=ttyS0',
    'quiet',
    'panic=-1',
    'reboot=t',
  ];
  words.push('mitigations=off', 'apparmor=0', 'audit=0', 'cryptomgr.notests', 'random.trust_cpu=on');
  if (emulated) words.push('tsc=reliable', `tsc_early_khz=${measureTscKhz()}`, 'no_timer_check');
  // QEMU translates code once for each virtual address: the same addresses in all processes save a start a fifth.
  if (emulated) words.push('norandmaps');
  return [...words, '--', 'sh', join(import.meta.dirname, 'init'), files.folder, job].join(' ');
}
