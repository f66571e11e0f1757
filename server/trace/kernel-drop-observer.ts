import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseAddress } from '../../contract/cidr.ts';
import type { KernelCapability } from '../../contract/node.ts';
import { requireValue } from '../../contract/require-value.ts';
import type { TraceFilter, TraceSummary } from '../../contract/trace.ts';
import { BpfArrayMap } from '../bpf/array-map.ts';
import { checkBpfResult } from '../bpf/bpf-error.ts';
import { readVmlinuxBtf } from '../bpf/btf.ts';
import { computeSlotFromIfindex } from '../bpf/datapath-structs.ts';
import { BpfHashMap } from '../bpf/hash-map.ts';
import { type LoadedBpfObject, loadBpfObject } from '../bpf/object-loader.ts';
import { readBpfProgramInfo } from '../bpf/program-info.ts';
import { BpfRingBuffer } from '../bpf/ring-buffer.ts';
import { callForeignAsync } from '../bpf/syscall.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_raw_tracepoint_open } from '../ffi/libbpf.ts';
import { type KernelDropReasons, readKernelDropReasons } from '../kernel/drop-reasons.ts';
import { onDescriptorReadable } from '../netlink/descriptor-readable.ts';
import type { PacketObservation } from './packet-correlator.ts';
import { decodePacketHeaders } from './packet-headers.ts';

const committedObject = new URL('../../bpf/objects/trace-drops.bpf.o', import.meta.url);

type DropTraceSupport = TraceSummary['kernelDrops'];
type OnObservation = (observation: PacketObservation) => void;

const protocols = { icmp: 1, tcp: 6, udp: 17, sctp: 132 } as const;

/** Encodes struct address of `bpf/trace-drops.bpf.c`: 16 bytes, with IPv4 as ::ffff:a.b.c.d. */
function addressBytes(text: string): Buffer {
  const { family, value } = parseAddress(text);
  const mapped = family === 4 ? (0xffffn << 32n) | value : value;
  return Buffer.from(mapped.toString(16).padStart(32, '0'), 'hex');
}

/**
 * Encodes the 24-byte drop filter of `bpf/trace-drops.bpf.c`: address at offset 0, port 16, protocol 18, family 19,
 * has-address flag 20.
 */
export function encodeDropFilter({ address, port, protocol, family }: TraceFilter): Buffer {
  const wish = Buffer.alloc(24);
  if (address !== undefined) addressBytes(address).copy(wish);
  wish.writeUInt16BE(port ?? 0, 16);
  wish.writeUInt8(protocol === undefined ? 0 : protocols[protocol], 18);
  wish.writeUInt8(family ?? 0, 19);
  wish.writeUInt32LE(address === undefined ? 0 : 1, 20);
  return wish;
}

/** Decodes struct trace_drop of `bpf/trace-drops.bpf.c`. */
function decodeDrop(record: Buffer) {
  return {
    timeNs: record.readBigUInt64LE(0),
    traces: record.readUInt32LE(8),
    reason: record.readUInt32LE(12),
    netns: record.readUInt32LE(16),
    ifindex: record.readInt32LE(20),
    headers: decodePacketHeaders(record.subarray(24)),
  };
}

interface Loaded {
  object: LoadedBpfObject;
  link: number;
  ring: BpfRingBuffer;
  stopReading: () => void;
}

export interface KernelDropObserverOptions {
  /** Probed kernel capability `drop-reasons`. */
  capability: KernelCapability | undefined;
  /** Inode number of the network namespace that contains the primaries. */
  hostNetns: bigint;
  maxSlots: number;
}

/** Observes kernel drops of traced packets, with a BPF program that is loaded only while a trace runs. */
export class KernelDropObserver {
  readonly #options: KernelDropObserverOptions;
  #reasons: KernelDropReasons | null = null;
  #loaded: Promise<Loaded> | null = null;
  #now: Loaded | null = null;
  readonly #traces = new Map<number, { addresses: Buffer[]; take: OnObservation }>();
  #lostBefore = 0n;

  constructor(options: KernelDropObserverOptions) {
    this.#options = options;
  }

  /**
   * Reports drops of packets with these addresses that match the filter, until `end`. Never throws.
   * @param number number of the trace, 1 to 8 @returns whether drops are reported, and why not
   */
  async begin(
    number: number,
    wanted: TraceFilter,
    addresses: readonly string[],
    take: OnObservation,
  ): Promise<DropTraceSupport> {
    const { capability } = this.#options;
    if (!capability?.available)
      return { available: false, ...(capability ?? { detail: 'the kernel was not probed', hint: null }) };
    // Before the first await: the end of another trace must not unload the program that this one needs.
    this.#traces.set(number, { addresses: addresses.map(addressBytes), take });
    try {
      this.#loaded ??= this.#load();
      const loading = this.#loaded;
      const loaded = await loading;
      if (this.#loaded === loading) this.#now = loaded;
      const { object } = loaded;
      new BpfArrayMap(
        requireValue(object.maps.get('drop_filters'), 'map drop_filters'),
        'drop_filters',
        24,
      ).set(number - 1, encodeDropFilter(wanted));
      this.#writeAddresses(object);
      return { available: true, detail: capability.detail, hint: null };
    } catch (error) {
      this.end(number);
      return { available: false, detail: error instanceof Error ? error.message : String(error), hint: null };
    }
  }

  end(number: number): void {
    const trace = this.#traces.get(number);
    if (!trace) return;
    this.#traces.delete(number);
    if (this.#traces.size === 0) this.close();
    else if (this.#now) this.#writeAddresses(this.#now.object, trace.addresses);
  }

  /** Returns the name of a value of enum skb_drop_reason; null if it is not a drop or the names were not read. */
  reasonName(reason: number): string | null {
    return this.#reasons?.name(reason) ?? null;
  }

  /** Returns the number of kernel drops that could not be reported since the agent started. */
  lost(): bigint {
    return this.#lostBefore + (this.#now ? lostOf(this.#now.object) : 0n);
  }

  close(): void {
    this.#traces.clear();
    const loaded = this.#loaded;
    this.#loaded = null;
    this.#lostBefore = this.lost();
    this.#now = null;
    loaded?.then(
      ({ object, link, ring, stopReading }) => {
        stopReading();
        closeSync(link);
        ring.close();
        object.close();
      },
      () => {},
    );
  }

  async #load(): Promise<Loaded> {
    this.#reasons ??= readKernelDropReasons(await readVmlinuxBtf());
    const rodata = Buffer.from(Uint32Array.of(Number(this.#reasons.hasReceiverSocket)).buffer);
    const object = await loadBpfObject({
      name: 'trace-drops',
      image: await readFile(committedObject),
      rodata: (bytes) => void bytes.set(rodata),
    });
    try {
      const program = requireValue(object.programs.get('trace_drop'), 'program trace_drop');
      const ring = new BpfRingBuffer(
        'dropped packets of traces',
        requireValue(object.maps.get('trace_drops'), 'map trace_drops'),
      );
      const link = recordOpenedDescriptor(
        checkBpfResult(
          'attach to tracepoint kfree_skb',
          await callForeignAsync(bpf_raw_tracepoint_open, null, program),
        ),
        'link to tracepoint kfree_skb',
      );
      const stopReading = onDescriptorReadable(ring.fd, () => ring.read((record) => this.#observe(record)));
      return { object, link, ring, stopReading };
    } catch (error) {
      object.close();
      throw error;
    }
  }

  /** Writes the traces of each address to the BPF map. @param gone addresses of an ended trace */
  #writeAddresses(object: LoadedBpfObject, gone: readonly Buffer[] = []): void {
    const traced = new BpfHashMap(requireValue(object.maps.get('traced'), 'map traced'), 'traced');
    const bits = new Map<string, number>(gone.map((address) => [address.toString('hex'), 0]));
    for (const [number, { addresses }] of this.#traces)
      for (const address of addresses) {
        const key = address.toString('hex');
        bits.set(key, (bits.get(key) ?? 0) | (1 << (number - 1)));
      }
    for (const [hex, mask] of bits) {
      const key = Buffer.from(hex, 'hex');
      if (mask === 0) traced.delete(key);
      else traced.set(key, Buffer.from(Uint32Array.of(mask).buffer));
    }
  }

  #observe(record: Buffer): void {
    const { timeNs, traces, reason, netns, ifindex, headers } = decodeDrop(record);
    if (!headers || this.reasonName(reason) === null) return;
    const slot = netns === Number(this.#options.hostNetns) ? computeSlotFromIfindex(ifindex) : null;
    const observation: PacketObservation = {
      timeNs,
      where: 'kernel',
      verdict: 'dropped',
      hook: null,
      rule: 0,
      target: null,
      owner: netns,
      reason,
      headers,
      slot: slot !== null && slot < this.#options.maxSlots ? slot : null,
    };
    for (const [number, { take }] of this.#traces) if (traces & (1 << (number - 1))) take(observation);
  }
}

/** Returns the number of drops not reported because the ring buffer was full or the program was already running. */
const lostOf = (object: LoadedBpfObject): bigint =>
  new BpfArrayMap(
    requireValue(object.maps.get('lost_trace_drops'), 'map lost_trace_drops'),
    'lost_trace_drops',
    8,
  )
    .get(0)
    .readBigUInt64LE() +
  readBpfProgramInfo(requireValue(object.programs.get('trace_drop'), 'program trace_drop')).misses;
