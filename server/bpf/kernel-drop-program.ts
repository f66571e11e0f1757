import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_raw_tracepoint_open } from '../ffi/libbpf.ts';
import { BpfArrayMap } from './array-map.ts';
import { checkBpfResult } from './bpf-error.ts';
import { BpfHashMap } from './hash-map.ts';
import { type LoadedBpfObject, loadBpfObject } from './object-loader.ts';
import { readBpfProgramInfo } from './program-info.ts';
import { callForeignAsync } from './syscall.ts';

const committedObject = new URL('../../bpf/objects/drops.bpf.o', import.meta.url);

export interface KernelDropProgramOptions {
  /** Inode of the network namespace that contains the primaries. */
  hostNetns: bigint;
  maxSlots: number;
  /** Maximum number of pairs of pod and drop reason that are counted. */
  maxCounts: number;
  /** True if tracepoint kfree_skb has the receiving socket as an argument (Linux 6.11). */
  receiverTold: boolean;
}

/** Number of a pod's packets that the kernel dropped for one reason. */
export interface KernelDropCount {
  pod: number;
  /** Drop reason as a value of the running kernel's enum skb_drop_reason. */
  reason: number;
  packets: bigint;
  /** Time of the last drop in ns of CLOCK_BOOTTIME. */
  lastNs: bigint;
}

const u32 = (...numbers: number[]): Buffer => Buffer.from(Uint32Array.from(numbers).buffer);

/** Size of struct drop_count in `bpf/drops.bpf.c`: u64 packets, u64 last. */
const countBytes = 16;

/** Decodes an entry of map `kernel_drops`: struct drop_key (u32 pod, u32 reason) and a struct drop_count per CPU. */
export function decodeKernelDropCount(key: Buffer, values: Buffer): KernelDropCount {
  let [packets, lastNs] = [0n, 0n];
  for (let at = 0; at + countBytes <= values.length; at += countBytes) {
    packets += values.readBigUInt64LE(at);
    const last = values.readBigUInt64LE(at + 8);
    if (last > lastNs) lastNs = last;
  }
  return { pod: key.readUInt32LE(0), reason: key.readUInt32LE(4), packets, lastNs };
}

/**
 * The loaded and attached program of `bpf/drops.bpf.c`. It is not pinned: a tracepoint of the whole machine is traced
 * only while an agent can report the drops.
 */
export class KernelDropProgram {
  readonly #object: LoadedBpfObject;
  readonly #link: number;
  readonly #slots: BpfArrayMap;
  readonly #foreignDevices: BpfHashMap;
  readonly #namespaces: BpfHashMap;
  readonly #counts: BpfHashMap;
  readonly #lost: BpfArrayMap;

  constructor(object: LoadedBpfObject, link: number) {
    const { maps } = object;
    this.#object = object;
    this.#link = link;
    this.#slots = new BpfArrayMap(maps.get('pod_of_slot')!, 'pod_of_slot', 4);
    this.#foreignDevices = new BpfHashMap(maps.get('pod_of_foreign_device')!, 'pod_of_foreign_device');
    this.#namespaces = new BpfHashMap(maps.get('pod_of_netns')!, 'pod_of_netns');
    this.#counts = new BpfHashMap(maps.get('kernel_drops')!, 'kernel_drops');
    this.#lost = new BpfArrayMap(maps.get('lost_drops')!, 'lost_drops', 8);
  }

  /** Attributes the kernel's drops at the slot's primary to a pod; pod 0 ends the attribution. */
  setSlot(slot: number, pod: number): void {
    this.#slots.set(slot, u32(pod));
  }

  /** Attributes the kernel's drops at a primary that others made to a pod; pod 0 ends the attribution. */
  setForeignDevice(ifindex: number, pod: number): void {
    if (pod === 0) this.#foreignDevices.delete(u32(ifindex));
    else this.#foreignDevices.set(u32(ifindex), u32(pod));
  }

  /** Attributes the kernel's drops in a network namespace to a pod; pod 0 ends the attribution. */
  setNamespace(inode: bigint, pod: number): void {
    if (pod === 0) this.#namespaces.delete(u32(Number(inode)));
    else this.#namespaces.set(u32(Number(inode)), u32(pod));
  }

  counts(): KernelDropCount[] {
    return this.#counts.entries().map(([key, values]) => decodeKernelDropCount(key, values));
  }

  forget({ pod, reason }: KernelDropCount): void {
    this.#counts.delete(u32(pod, reason));
  }

  /**
   * Returns the number of drops that were not counted: those of pods when the map was full, and any on the machine that
   * occurred while the program ran on the same CPU.
   */
  lost(): bigint {
    return (
      this.#lost.get(0).readBigUInt64LE() +
      readBpfProgramInfo(this.#object.programs.get('count_drop')!).misses
    );
  }

  /** Detaches the drop tracing program and deletes its counts. */
  close(): void {
    closeSync(this.#link);
    this.#object.close();
  }
}

/** Loads and attaches the drop tracing program. @throws ProblemError `verifier_refused`, `kernel_refused` */
export async function openKernelDropProgram(options: KernelDropProgramOptions): Promise<KernelDropProgram> {
  const { hostNetns, maxSlots, maxCounts, receiverTold } = options;
  const object = await loadBpfObject({
    name: 'drops',
    image: await readFile(committedObject),
    maps: {
      pod_of_slot: { maxEntries: maxSlots },
      pod_of_foreign_device: { maxEntries: maxSlots },
      pod_of_netns: { maxEntries: maxSlots },
      kernel_drops: { maxEntries: maxCounts },
    },
    rodata: (bytes) => void bytes.set(u32(Number(hostNetns), maxSlots, Number(receiverTold))),
  });
  try {
    const program = object.programs.get('count_drop')!;
    const link = recordOpenedDescriptor(
      checkBpfResult(
        'attach to tracepoint kfree_skb',
        await callForeignAsync(bpf_raw_tracepoint_open, null, program),
      ),
      'link to tracepoint kfree_skb',
    );
    return new KernelDropProgram(object, link);
  } catch (error) {
    object.close();
    throw error;
  }
}
