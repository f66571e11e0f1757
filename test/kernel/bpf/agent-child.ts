import { readFileSync } from 'node:fs';
import { attachAfterNat } from '../../../server/bpf/after-nat.ts';
import { attachWithoutLink, detachWithoutLink } from '../../../server/bpf/attach-without-link.ts';
import type { DatapathPrograms } from '../../../server/bpf/datapath.ts';
import { slotToPrimaryIfindex } from '../../../server/bpf/datapath-structs.ts';
import { openDatapath } from '../../../server/bpf/open-datapath.ts';
import { readBpfProgramInfo } from '../../../server/bpf/program-info.ts';
import { holdRunStatistics } from '../../../server/bpf/run-statistics.ts';
import { loadMinimalProgram, minimalProgramTypes } from '../../../server/kernel/capability-probe-programs.ts';
import { addClsactQdisc } from '../../../server/netlink/clsact.ts';
import { isNetlinkError } from '../../../server/netlink/netlink-error.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { addTcBpfFilter } from '../../../server/netlink/tc-filter.ts';
import type { Call } from './agent.ts';

/** Runs in the test's host namespace and executes calls received over IPC until it is killed. */
let datapath: DatapathPrograms | null = null;

const calls: { [Name in Call['name']]: (...args: Extract<Call, { name: Name }>['args']) => unknown } = {
  async open(pins, { maxSlots = 64, object, fill }) {
    datapath = await openDatapath({
      pins,
      maxSlots,
      ...(object ? { image: readFileSync(object) } : {}),
      fill(programs) {
        for (const [slot, entry] of fill?.slots ?? []) programs.setSlot(slot, entry);
        for (const [address, endpoint] of fill?.endpoints ?? []) programs.setEndpoint(address, endpoint);
      },
    });
    const { takeover, build, updatedLinks, programIds } = datapath;
    return { takeover, build, updatedLinks, programIds, maxSlots: datapath.maxSlots };
  },
  async replace({ object, failAt }) {
    const each = (replaced: number) => {
      if (replaced === failAt) throw new Error(`failed after ${replaced}`);
    };
    const replaced = await datapath!.replace(readFileSync(object), { each });
    return { replaced, build: datapath!.build, programIds: datapath!.programIds };
  },
  holdStatistics: () => void holdRunStatistics(),
  attachAfterNat: () => attachAfterNat(datapath!),
  attach: (hook, slot, order) => datapath!.attach(hook, slot, order),
  detach: (slot, hooks) => datapath!.detach(slot, hooks),
  links: () => datapath!.attachedLinks(),
  query: (slot, hook) => datapath!.query(slot, hook),
  setSlot: (slot, entry) => datapath!.setSlot(slot, entry),
  setPacketChecks: (...args) => datapath!.setPacketChecks(...args),
  readSlot: (slot) => datapath!.readSlot(slot),
  clearSlot: (slot) => datapath!.clearSlot(slot),
  setEndpoint: (address, endpoint) => datapath!.setEndpoint(address, endpoint),
  removeEndpoint: (address) => datapath!.removeEndpoint(address),
  endpoints: () => datapath!.endpoints(),
  async attachFilter(hook, slot) {
    using socket = NetlinkSocket.open();
    await addClsactQdisc(socket, slotToPrimaryIfindex(slot)).catch((error: unknown) => {
      if (!isNetlinkError(error, 'EEXIST')) throw error;
    });
    const filter = { program: datapath!.programFd(hook), name: 'podlane' };
    await addTcBpfFilter(socket, slotToPrimaryIfindex(slot), hook, filter);
  },
  async loadForeign(name) {
    return readBpfProgramInfo(
      await loadMinimalProgram(`load ${name}`, minimalProgramTypes.schedulerClassifier, { result: -1 }),
    ).id;
  },
  attachForeign: (id, hook, slot, order) =>
    attachWithoutLink(slotToPrimaryIfindex(slot), hook, { id }, order),
  detachForeign: (id, hook, slot) => detachWithoutLink(slotToPrimaryIfindex(slot), hook, { id }),
  read: (slot) => datapath!.counters.read(slot),
  clear: (slot) => datapath!.counters.clear(slot),
  destroy: () => datapath!.destroy(),
};

process.on('message', async ({ name, args }: Call) => {
  try {
    const call = calls[name] as (...all: unknown[]) => unknown;
    process.send!({ answer: await call(...args) });
  } catch (error) {
    const { message, code, hint } = error as Error & { code?: string; hint?: string };
    process.send!({ error: { message, code, hint } });
  }
});
