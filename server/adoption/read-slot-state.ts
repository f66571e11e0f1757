import { anyEthertype } from '../../contract/ethertypes.ts';
import { defaultPacketChecks, type PacketChecks } from '../../contract/packet-checks.ts';
import { BpfArrayMap } from '../bpf/array-map.ts';
import { decodeSlotEntry, slotEntrySize } from '../bpf/datapath-structs.ts';
import { BpfHashMap } from '../bpf/hash-map.ts';
import { readBpfMapInfo } from '../bpf/map-info.ts';
import { decodeEthertype, decodeSourcePrefix } from '../bpf/packet-check-maps.ts';
import { withPinnedMap } from './pinned-map.ts';

/** What the maps that the programs read tell of a pod. */
export interface SlotState {
  checks: PacketChecks;
  /** False if packets that the pod sends are not redirected. */
  redirect: boolean;
}

/** Reads the packet checks of a pod, and whether it is redirected, from the maps that the programs read; strict ones where a map does not tell. */
export function readSlotState(pins: string, owner: number, slot: number): SlotState {
  const entry = withPinnedMap(pins, 'slots', (fd) =>
    readBpfMapInfo(fd).valueBytes === slotEntrySize
      ? decodeSlotEntry(new BpfArrayMap(fd, 'slots', slotEntrySize).get(slot))
      : null,
  );
  if (entry?.owner !== owner) return { checks: defaultPacketChecks, redirect: true };
  const prefixes = withPinnedMap(pins, 'source_prefixes', (fd) =>
    new BpfHashMap(fd, 'source_prefixes')
      .entries()
      // An entry with 0 excludes what a shorter prefix would cover.
      .filter(([, value]) => value.readUInt32LE(0) !== 0)
      .map(([key]) => decodeSourcePrefix(key)),
  );
  const ethertypes = withPinnedMap(pins, 'ethertypes', (fd) =>
    new BpfHashMap(fd, 'ethertypes').entries().map(([key]) => decodeEthertype(key)),
  );
  const isOwn = (found: { owner: number }): boolean => found.owner === owner;
  const checks: PacketChecks = {
    source: entry.check ? 'strict' : 'off',
    sourcePrefixes: (prefixes ?? []).filter(isOwn).map(({ cidr }) => cidr),
    ethertypes: [
      ...(entry.anyEthertype ? [anyEthertype] : []),
      ...(ethertypes ?? []).filter(isOwn).map(({ ethertype }) => ethertype),
    ],
  };
  return { checks, redirect: entry.redirect };
}
