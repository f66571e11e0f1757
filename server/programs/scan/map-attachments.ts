import { listBpfObjectIds, withBpfObjectById } from '../../bpf/bpf-object-info.ts';
import { mapTypeName } from '../../bpf/bpf-type-names.ts';
import { queryHookProgramsSync } from '../../bpf/hook-query.ts';
import { getNextBpfMapKey, lookUpBpfMapEntry } from '../../bpf/map-access.ts';
import { type BpfMapInfo, readBpfMapInfo } from '../../bpf/map-info.ts';
import { createProgramAttachment } from './attachment.ts';
import type { ProgramAttachment } from './node-scan.ts';

/** Attach types of sockmaps, from enum bpf_attach_type. */
const socketTypes = {
  sk_skb_stream_parser: 4,
  sk_skb_stream_verdict: 5,
  sk_msg_verdict: 7,
  sk_skb_verdict: 38,
} as const;
const mostSlots = 4_096;

/**
 * Finds programs attached through maps: tail call targets in prog_array maps, and programs of sockmaps and sockhashes.
 */
export function scanMapAttachments(types: ReadonlySet<string>): ProgramAttachment[] {
  return listBpfObjectIds('map').flatMap(
    (id) =>
      withBpfObjectById('map', id, (fd) => {
        const info = readBpfMapInfo(fd);
        const type = mapTypeName(info.type);
        if (type === 'prog_array') return calledThrough(fd, info);
        if ((type === 'sockmap' || type === 'sockhash') && (types.has('sk_skb') || types.has('sk_msg')))
          return ofSockets(fd, info);
        return [];
      }) ?? [],
  );
}

function calledThrough(fd: number, { id, name, maxEntries }: BpfMapInfo): ProgramAttachment[] {
  const found: ProgramAttachment[] = [];
  let key = getNextBpfMapKey(fd, null, 4);
  for (let seen = 0; key !== null && seen < Math.min(maxEntries, mostSlots); seen += 1) {
    const value = lookUpBpfMapEntry(fd, key, 4);
    const target = `map ${id} ${name}[${key.readUInt32LE(0)}], for tail calls`;
    if (value !== null)
      found.push(
        createProgramAttachment(value.readUInt32LE(0), { kind: 'other', hook: 'prog_array', target }),
      );
    key = getNextBpfMapKey(fd, key, 4);
  }
  return found;
}

const ofSockets = (fd: number, { id, name }: BpfMapInfo): ProgramAttachment[] =>
  Object.entries(socketTypes).flatMap(([hook, type]) =>
    queryHookProgramsSync(fd, type).map(({ programId, linkId }) =>
      createProgramAttachment(programId, {
        kind: 'other',
        hook,
        target: `sockets of map ${id} ${name}`,
        linkId,
      }),
    ),
  );
