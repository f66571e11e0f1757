// A process in a node's host namespace that attaches foreign programs there, and reads what is attached: bpf(2) finds
// devices in the namespace of its caller.

import { BpfArrayMap } from '../../../server/bpf/array-map.ts';
import { attachWithoutLink } from '../../../server/bpf/attach-without-link.ts';
import {
  decodeEndpointEntry,
  decodeEndpointKey,
  decodeSlotEntry,
  slotEntrySize,
} from '../../../server/bpf/datapath-structs.ts';
import { BpfHashMap } from '../../../server/bpf/hash-map.ts';
import type { LinkHook } from '../../../server/bpf/hook.ts';
import { queryHookPrograms } from '../../../server/bpf/hook-query.ts';
import { listPinNames, openPinnedObject } from '../../../server/bpf/pin.ts';
import { readBpfProgramInfoById } from '../../../server/bpf/program-info.ts';
import { loadMinimalProgram, minimalProgramTypes } from '../../../server/kernel/capability-probe-programs.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { addTcBpfFilter, listTcFilters, type TcHook } from '../../../server/netlink/tc-filter.ts';

export interface NewForeignProgram {
  ifindex: number;
  hook: string;
  order: 'first' | 'last';
  /** What the program returns: another value gives it another tag, by which it is known. */
  result: number;
}

/** Programs and map entries of a node, by name and tag instead of the kernel's ids. */
export interface BpfState {
  /** Names and tags of programs by hook and device, in execution order; `(link)` follows those that a link holds. */
  hooks: Record<string, string[]>;
  slots: Record<number, unknown>;
  endpoints: Record<string, unknown>;
  pins: string[];
}

export type WorkerCall =
  | { call: 'attach'; programs: NewForeignProgram[] }
  | {
      call: 'read';
      pins: string;
      devices: { name: string; ifindex: number; hooks: string[] }[];
      slots: number[];
    };

function nameOf(id: number | null): string {
  const info = id === null ? null : readBpfProgramInfoById(id);
  return info === null ? 'no program' : `${info.name} ${info.tag}`;
}

async function attach(programs: readonly NewForeignProgram[]): Promise<null> {
  using socket = NetlinkSocket.open();
  for (const { ifindex, hook, order, result } of programs) {
    const fd = await loadMinimalProgram('load a foreign program', minimalProgramTypes.schedulerClassifier, {
      result,
    });
    if (hook.startsWith('tc/'))
      await addTcBpfFilter(socket, ifindex, hook as TcHook, {
        program: fd,
        name: 'foreign',
        priority: order === 'first' ? 7 : 300,
      });
    else await attachWithoutLink(ifindex, hook as LinkHook, { fd }, order === 'first' ? 'head' : 'tail');
  }
  return null;
}

async function programsOn(socket: NetlinkSocket, ifindex: number, hook: string): Promise<string[]> {
  if (hook.startsWith('tc/'))
    return (await listTcFilters(socket, ifindex, hook as TcHook)).map(
      ({ kind, priority, handle, protocol, programId, directAction }) =>
        `${nameOf(programId)} ${kind} pref ${priority} handle ${handle} protocol ${protocol}${directAction ? ' direct-action' : ''}`,
    );
  return (await queryHookPrograms(ifindex, hook as LinkHook)).map(
    ({ programId, linkId }) => `${nameOf(programId)}${linkId === null ? '' : ' (link)'}`,
  );
}

const pinned = (path: string): number => {
  const fd = openPinnedObject(path);
  if (fd === null) throw new Error(`nothing is pinned at ${path}`);
  return fd;
};

async function read({ pins, devices, slots }: Extract<WorkerCall, { call: 'read' }>): Promise<BpfState> {
  using socket = NetlinkSocket.open();
  const hooks: BpfState['hooks'] = {};
  for (const { name, ifindex, hooks: wanted } of devices)
    for (const hook of wanted) hooks[`${hook} of ${name}`] = await programsOn(socket, ifindex, hook);
  const slotMap = new BpfArrayMap(pinned(`${pins}/maps/slots`), 'slots', slotEntrySize);
  const endpoints = ['endpoints4', 'endpoints6'].flatMap((name) =>
    new BpfHashMap(pinned(`${pins}/maps/${name}`), name).entries(),
  );
  return {
    hooks,
    slots: Object.fromEntries(slots.map((slot) => [slot, decodeSlotEntry(slotMap.get(slot))])),
    endpoints: Object.fromEntries(
      endpoints.map(([key, value]): [string, unknown] => [
        decodeEndpointKey(key),
        decodeEndpointEntry(value),
      ]),
    ),
    pins: [
      ...listPinNames(pins).map((name) => `/${name}`),
      ...listPinNames(`${pins}/links`).map((name) => `links/${name}`),
      ...listPinNames(`${pins}/users`).flatMap((user) =>
        listPinNames(`${pins}/users/${user}`).map((name) => `users/${user}/${name}`),
      ),
    ].sort(),
  };
}

process.on('message', async (message: WorkerCall) => {
  try {
    process.send?.({
      result: message.call === 'attach' ? await attach(message.programs) : await read(message),
    });
  } catch (error) {
    process.send?.({ error: (error as Error).stack });
  }
});
process.send?.({ result: 'ready' });
