import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DeviceKind } from '../../contract/device.ts';
import type { RuntimeName } from '../runtimes/install-runtimes.ts';
import { startContainerLabNode } from './start-container-node.ts';
import type { LabGuestEvent } from './start-lab-guest.ts';
import { type LabNodeOptions, type LabTrafficCounts, startLabNode } from './start-lab-node.ts';

/**
 * The lab's node inside the guest; `start-lab-guest.ts` starts it. The guest's own namespace is the host namespace, so
 * that the forwarded port reaches the agent. It reports events as one JSON object a line.
 */
const { values } = parseArgs({
  options: {
    name: { type: 'string', default: 'lab' },
    port: { type: 'string', default: '7481' },
    kind: { type: 'string' },
    runtime: { type: 'string' },
    rate: { type: 'string', default: '1' },
  },
});
const report = (event: LabGuestEvent): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`);
};

const tokenFile = '/run/podlane-token/token';
mkdirSync(join(tokenFile, '..'), { recursive: true, mode: 0o700 });
writeFileSync(tokenFile, process.env.PODLANE_LAB_TOKEN ?? '', { mode: 0o600 });
delete process.env.PODLANE_LAB_TOKEN;

try {
  await run();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
}
process.exit(1);

/** Runs the lab's node until its traffic or its runtime ends; normally the guest is stopped before. */
async function run(): Promise<void> {
  const common = {
    lab: values.name,
    own: false,
    environment: 'guest' as const,
    listen: { address: `0.0.0.0:${values.port}`, tokenFile },
    rate: Number(values.rate),
    progress: (text: string) => report({ type: 'progress', text }),
    counted: (apps: LabTrafficCounts) => report({ type: 'traffic', apps }),
    signal: new AbortController().signal,
  };
  const { agent, ended, stop } = await startNode(common);
  report({ type: 'ready' });
  // Never rejects: it resolves with the way the agent ended.
  void agent.ended.then((how) => report({ type: 'agent', how }));
  const how = await ended;
  await stop();
  throw new Error(`the lab’s ${how}`);
}

async function startNode(common: Omit<LabNodeOptions, 'kind'>) {
  if (values.runtime === undefined) {
    const node = await startLabNode({ ...common, kind: values.kind as DeviceKind | undefined });
    return { ...node, ended: node.traffic.ended.then((how) => `traffic ${how}`) };
  }
  const runtime = values.runtime as RuntimeName;
  const node = await startContainerLabNode({ ...common, runtime });
  return { ...node, ended: node.ended.then((how) => `${runtime} ${how}`) };
}
