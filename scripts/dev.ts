// npm run dev: a native lab whose agent restarts when its sources change, and a dashboard with hot reload.
import { rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ChildProcessHandle, startChildProcess } from './child-process.ts';
import { startGatewayProcess } from './gateway-process.ts';
import { getLabDirectory, startLabNode } from './lab/start-lab-node.ts';

const usage = `Usage: npm run dev [-- --port N]

Starts six pods with traffic on this kernel, the agent, and the dashboard with hot reload, and prints a link.
The agent restarts when a file of server/, contract/ or bpf/objects/ changes; pods and traffic go on meanwhile.
Ctrl-C removes all of it. Unit tests on each change, without root: npm run dev:unit
`;

const root = join(import.meta.dirname, '..');
const watched = ['server', 'contract', 'bpf/objects'];
const lab = 'dev';
/** Milliseconds without a file change before a restart, since editors and checkouts write files in several steps. */
const quietMs = 300;

const { values } = parseArgs({
  options: { port: { type: 'string', default: '7480' }, help: { type: 'boolean', default: false } },
});

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());

const progress = (text: string): void => void process.stderr.write(`… ${text}\n`);

/**
 * Resolves once files below `folders` have changed and then stayed unchanged for a moment; rejects if `signal`
 * aborts.
 */
function nextChange(folders: string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const watchers = folders.map((folder) =>
      watch(join(root, folder), { recursive: true }, (_event, file) => {
        if (file === null || file.startsWith('store/client')) return;
        clearTimeout(timer);
        timer = setTimeout(() => finish(() => resolve(join(folder, file))), quietMs);
      }),
    );
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      settle();
    };
    signal.addEventListener('abort', () => finish(() => reject(signal.reason as Error)), { once: true });
  });
}

async function restartOnChange(agent: ChildProcessHandle, command: string[]): Promise<never> {
  let running = agent;
  try {
    for (;;) {
      const file = await nextChange(watched, stopping.signal);
      progress(`${file} changed: restarting the agent`);
      await running.stop();
      running = startChildProcess({
        name: 'the agent',
        command,
        stopWithinMs: 12_000,
        onLine: (line) => progress(line),
      });
      running.ended.then(
        (how) =>
          stopping.signal.aborted || progress(`the agent ${how}; it starts again after the next change`),
        () => {},
      );
    }
  } finally {
    await running.stop();
  }
}

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(usage);
  if (process.getuid?.() !== 0) throw new Error('network namespaces and devices need root: sudo npm run dev');
  const node = await startLabNode({
    lab,
    own: true,
    environment: 'native',
    kind: undefined,
    rate: 1,
    progress,
    counted: () => {},
    signal: stopping.signal,
  });
  try {
    const gateway = await startGatewayProcess({
      agent: `unix:${node.socket}`,
      port: Number(values.port),
      dev: true,
    });
    try {
      process.stdout.write(`\n  ${gateway.link}\n\nThe link works once, within ten minutes. Ctrl-C: stop.\n`);
      await restartOnChange(node.agent, node.agentCommand);
    } finally {
      await gateway.stop();
    }
  } finally {
    progress('removing the lab');
    await node.stop();
    rmSync(getLabDirectory(lab), { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  if (!stopping.signal.aborted) {
    process.stderr.write(`npm run dev: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
await sleep(0);
process.exit();
