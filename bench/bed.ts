import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceKind } from '../contract/device.ts';
import type { NewPodInput, Pod } from '../contract/pod.ts';
import { startAgent } from '../scripts/agent-process.ts';
import { type DatapathPrograms, openDatapath } from '../server/bpf/datapath.ts';
import { createNamedNamespace } from '../server/kernel/netns.ts';
import { askAgent } from '../server/lab/agent.ts';

const pins = '/sys/fs/bpf/podlane';
const maxSlots = 256;
/** The host's own, which pods reach through its stack. */
export const hostAddress = '10.42.0.1';

/** The pods of a bench program, attached by a real agent to the namespaces that the program runs in alone. */
export interface Bed extends AsyncDisposable {
  addPod(name: string, addresses: string[], kind: DeviceKind): Promise<Pod>;
  /** Ends the agent, so that it uses no time; its pods stay as they are, and their programs are handed over. */
  takeOver(): Promise<DatapathPrograms>;
}

/** Only below `runSealed` or in the guest: what it makes is left to go with the namespaces. */
export async function makeBed(): Promise<Bed> {
  execFileSync('ip', ['address', 'add', `${hostAddress}/32`, 'dev', 'lo']);
  const folder = mkdtempSync(join(tmpdir(), 'podlane-bed-'));
  const socketPath = join(folder, 'agent.sock');
  const flags = { database: join(folder, 'podlane.db'), pins, 'max-slots': maxSlots, 'log-level': 'warn' };
  const agent = await startAgent(
    socketPath,
    Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
  );
  let programs: DatapathPrograms | null = null;
  return {
    async addPod(name, addresses, kind) {
      const netns = createNamedNamespace(`bench-${name}`);
      execFileSync('nsenter', [`--net=${netns}`, 'ip', 'link', 'set', 'lo', 'up']);
      const pod: NewPodInput = { namespace: 'bench', name, netns, addresses, kind };
      return (await askAgent({ socketPath }, 'POST', '/api/v1/pods', {
        body: pod,
        withinMs: 120_000,
      })) as Pod;
    },
    async takeOver() {
      await agent.stop();
      programs = await openDatapath({ pins, maxSlots });
      return programs;
    },
    async [Symbol.asyncDispose]() {
      programs?.close();
      await agent.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
