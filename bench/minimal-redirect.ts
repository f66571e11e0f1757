import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attachProgramToNetkit } from '../server/bpf/netkit-hook.ts';
import { loadBpfObject } from '../server/bpf/object-loader.ts';

const folder = join(import.meta.dirname, '../.cache/bench');
const object = join(folder, 'minimal-redirect.bpf.o');

/** Compiles `minimal-redirect.bpf.c`; the guest reads the object from the same path. */
export function compileMinimalRedirect(): void {
  mkdirSync(folder, { recursive: true });
  const source = join(import.meta.dirname, 'minimal-redirect.bpf.c');
  const headers = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const flags = ['-target', 'bpf', '-mcpu=v3', '-O2', '-g', '-Wall', '-Werror', '-idirafter', headers];
  execFileSync('clang', [...flags, '-c', source, '-o', object]);
}

/**
 * Attaches a program to the peer of a netkit device that sends each of its packets by the primary `target`. It stays
 * for as long as this process does.
 * @param primary interface index of the netkit device's primary
 */
export async function attachMinimalRedirect(primary: number, target: number): Promise<void> {
  const loaded = await loadBpfObject({
    name: 'minimal',
    image: readFileSync(object),
    program: 'redirect',
    rodata: (bytes) => bytes.writeUInt32LE(target, 0),
  });
  await attachProgramToNetkit('netkit/peer', { ifindex: primary, program: loaded.programs.get('redirect')! });
}
