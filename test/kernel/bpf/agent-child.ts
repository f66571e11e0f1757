import { readFileSync } from 'node:fs';
import { type DatapathPrograms, openDatapath } from '../../../server/bpf/datapath.ts';
import { holdRunStatistics } from '../../../server/bpf/stats.ts';
import type { Call } from './agent.ts';

/** Runs in the test's host namespace and does what it is told over IPC, until it is killed. */
let datapath: DatapathPrograms | null = null;

const calls: { [Name in Call['name']]: (...words: Extract<Call, { name: Name }>['words']) => unknown } = {
  async open(pins, maxSlots, object) {
    datapath = await openDatapath({ pins, maxSlots, ...(object ? { image: readFileSync(object) } : {}) });
    const { takeover, build, updatedLinks, programIds } = datapath;
    return { takeover, build, updatedLinks, programIds, maxSlots: datapath.maxSlots };
  },
  holdStatistics: () => void holdRunStatistics(),
  attach: (hook, slot) => datapath!.attach(hook, slot),
  detach: (slot) => datapath!.detach(slot),
  links: () => datapath!.attachedLinks(),
  query: (slot, hook) => datapath!.query(slot, hook),
  setSlot: (slot, sources) => datapath!.setSlot(slot, sources),
  clearSlot: (slot) => datapath!.clearSlot(slot),
  read: (slot) => datapath!.counters.read(slot),
  clear: (slot) => datapath!.counters.clear(slot),
  destroy: () => datapath!.destroy(),
};

process.on('message', async ({ name, words }: Call) => {
  try {
    const call = calls[name] as (...all: unknown[]) => unknown;
    process.send!({ answer: await call(...words) });
  } catch (error) {
    const { message, code, hint } = error as Error & { code?: string; hint?: string };
    process.send!({ error: { message, code, hint } });
  }
});
