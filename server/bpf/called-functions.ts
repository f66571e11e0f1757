import { closeSync } from 'node:fs';
import { bpf_map_lookup_elem } from '../ffi/libbpf.ts';
import { withBpfObjectById } from './bpf-object-info.ts';
import { findKernelFunctionNames, listCallImmediates } from './kernel-function-names.ts';
import { openBpfMapById, readBpfMapInfo } from './map-info.ts';
import { readBpfProgramInfo } from './program-info.ts';
import { readXlatedProgram } from './xlated-program.ts';

/** BPF_MAP_TYPE_PROG_ARRAY and BPF_FUNC_tail_call, <linux/bpf.h>; the latter is no address in what the kernel returns. */
const progArray = 3;
const tailCall = 12;
/** Bounds of what is followed from one program by tail calls. */
const limits = { programs: 64, entries: 4096, maps: 64 } as const;
/** Number of programs that are remembered: instructions never change. */
const remembered = 1024;

/** Helpers and kernel functions that a program calls. */
export interface CalledFunctions {
  /** Names such as `bpf_redirect_peer`, of the program itself and of those that it may continue in by tail calls. */
  names: ReadonlySet<string>;
  /** Why not all could be read; null if they could. */
  unread: string | null;
}

interface ProgramCalls {
  names: string[];
  unread: string | null;
  mapIds: number[];
}
const calls = new Map<number, ProgramCalls>();

/** Reads what a program calls; null if the program no longer exists. */
export function readCalledFunctions(programId: number): CalledFunctions | null {
  const names = new Set<string>();
  const unread = new Set<string>();
  const seen = new Set([programId]);
  for (const id of seen) {
    const read = readCalls(id);
    if (read === null) {
      if (id === programId) return null;
      continue; // a tail call that was replaced meanwhile
    }
    for (const name of read.names) names.add(name);
    if (read.unread !== null) unread.add(read.unread);
    for (const next of listTailCalls(read.mapIds, unread)) {
      if (seen.size < limits.programs) seen.add(next);
      else if (!seen.has(next)) unread.add(`it has tail calls into more than ${limits.programs} programs`);
    }
  }
  return { names, unread: unread.size === 0 ? null : [...unread].join('; ') };
}

function readCalls(id: number): ProgramCalls | null {
  const found = calls.get(id);
  // An id leads to another program once all ids were used; whether this one still exists is not remembered.
  const read = withBpfObjectById('program', id, (fd) => found ?? readCallsOf(fd));
  if (read === null) {
    calls.delete(id);
    return null;
  }
  calls.delete(id);
  if (read.unread === null) calls.set(id, read);
  if (calls.size > remembered) calls.delete(calls.keys().next().value as number);
  return read;
}

function readCallsOf(fd: number): ProgramCalls {
  const { mapIds } = readBpfProgramInfo(fd);
  const { instructions } = readXlatedProgram(fd);
  if (instructions === null)
    return { names: [], mapIds, unread: 'the kernel does not return its instructions' };
  const immediates = listCallImmediates(instructions);
  immediates.delete(tailCall);
  const names = findKernelFunctionNames(immediates);
  const unread =
    names.size < immediates.size
      ? `the kernel does not tell ${immediates.size - names.size} of the functions that it calls`
      : mapIds.length >= limits.maps
        ? 'it has more maps than are read'
        : null;
  return { names: [...names.values()], mapIds, unread };
}

/** Lists the programs in the program arrays among maps. */
function listTailCalls(mapIds: readonly number[], unread: Set<string>): number[] {
  return mapIds.flatMap((mapId) => {
    const fd = openBpfMapById(mapId);
    if (fd === null) return [];
    try {
      const { type, maxEntries, valueBytes } = readBpfMapInfo(fd);
      if (type !== progArray) return [];
      if (maxEntries > limits.entries) unread.add(`it has tail calls by a map of ${maxEntries} entries`);
      const ids: number[] = [];
      const [key, value] = [Buffer.alloc(4), Buffer.alloc(valueBytes)];
      for (let index = 0; index < Math.min(maxEntries, limits.entries); index++) {
        key.writeUInt32LE(index);
        if (bpf_map_lookup_elem(fd, key, value) === 0) ids.push(value.readUInt32LE(0));
      }
      return ids;
    } finally {
      closeSync(fd);
    }
  });
}
