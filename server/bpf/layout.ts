/** What `bpf/podlane.h` says, for this side. */

/** ifindex of slot 0's primary. */
export const ifindexBase = 1_048_576;
export const primaryIfindex = (slot: number): number => ifindexBase + 2 * slot;
export const peerIfindex = (slot: number): number => primaryIfindex(slot) + 1;
/** The slot a device end's index stands for, or null for a device that is not ours. */
export const slotOf = (ifindex: number): number | null =>
  ifindex < ifindexBase ? null : (ifindex - ifindexBase) >>> 1;

/** struct podlane_counters, 8 u64, and struct podlane_drops, 16. */
export const counterBytes = 64;
export const dropBytes = 128;

/** struct podlane_slot. */
export const slotBytes = 24;
const checkSource = 1;
const hasAddress6 = 2;

/** struct podlane_config, all of .rodata. */
export const configBytes = 36;
export const configBuildOffset = 4;

/** `10.42.0.33` to four bytes in network order. */
function address4Bytes(text: string): number[] {
  const bytes = text.split('.').map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255)))
    throw new RangeError(`not an IPv4 address: ${text}`);
  return bytes;
}

/** `fd00::1` to sixteen bytes in network order. */
function address6Bytes(text: string): number[] {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const [a = 0, b = 0, c = 0, d = 0] = address4Bytes(dotted[2] ?? '');
    return address6Bytes(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const halves = text.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = halves;
  const missing = 8 - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0))
    throw new RangeError(`not an IPv6 address: ${text}`);
  const words = [...head, ...Array<string>(missing).fill('0'), ...tail].map((word) => {
    if (!/^[0-9a-f]{1,4}$/i.test(word)) throw new RangeError(`not an IPv6 address: ${text}`);
    return Number.parseInt(word, 16);
  });
  return words.flatMap((word) => [word >> 8, word & 255]);
}

/** The sources allowed to leave a slot. */
export interface SlotSources {
  address4: string;
  address6?: string | undefined;
}

/** struct podlane_slot; null: all zero, nothing is checked. */
export function encodeSlot(sources: SlotSources | null): Buffer {
  const value = Buffer.alloc(slotBytes);
  if (sources === null) return value;
  value.writeUInt32LE(checkSource | (sources.address6 === undefined ? 0 : hasAddress6), 0);
  value.set(address4Bytes(sources.address4), 4);
  if (sources.address6 !== undefined) value.set(address6Bytes(sources.address6), 8);
  return value;
}
