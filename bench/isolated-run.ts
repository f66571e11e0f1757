import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bootGuest, shellQuote } from '../scripts/vm/guest.ts';
import type { BenchFigure, BenchReporter } from './report.ts';

/**
 * Runs a program of this folder in network, mount and process namespaces of its own, with a bpf file system and a
 * /run/netns of their own: however it ends, and however we end, the kernel takes down devices, pins and processes.
 * Its temporary files are deleted when it ends. Each line it prints is a figure.
 */
export async function runBenchInNamespaces(
  report: BenchReporter,
  program: string,
  args: readonly unknown[],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-bench-'));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', clean);
  const prepare =
    'mount -t tmpfs run /run && mkdir /run/netns && mount -t bpf bpf /sys/fs/bpf && ip link set lo up && exec "$@"';
  const own = [
    '--net',
    '--mount',
    '--propagation',
    'private',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
  ];
  const command = [process.execPath, join(import.meta.dirname, program), ...args.map(String)];
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', 'unshare', ...own, '--', 'sh', '-c', prepare, 'sh', ...command],
    // A group of its own, so that Ctrl-C reaches only us.
    { stdio: ['ignore', 'pipe', 'inherit'], detached: true, env: { ...process.env, TMPDIR: folder } },
  );
  try {
    for await (const line of createInterface({ input: child.stdout }))
      report(JSON.parse(line) as BenchFigure);
    await waitForSuccess(child, program);
  } finally {
    process.off('exit', clean);
    clean();
  }
}

/** Runs a program of this folder in the guest and reports each line that it prints as a figure. */
export async function runBenchInGuest(
  report: BenchReporter,
  program: string,
  args: readonly unknown[],
  options: { instructionCounted?: boolean; timeoutSeconds: number },
): Promise<void> {
  let partial = '';
  const guest = await bootGuest({
    ...options,
    command: [process.execPath, join(import.meta.dirname, program), ...args.map(String)]
      .map(shellQuote)
      .join(' '),
    env: { NODE_NO_WARNINGS: '1' },
    onStdout: (chunk) => {
      const lines = (partial + chunk).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) report(JSON.parse(line) as BenchFigure);
    },
    onStderr: (chunk) => process.stderr.write(chunk),
  });
  const code = await guest.exit;
  if (code !== 0) throw new Error(`${program} in the guest ended with code ${code}`);
}

function waitForSuccess(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      if (child.exitCode === 0) resolve();
      else reject(new Error(`${program} ended with ${child.signalCode ?? `code ${child.exitCode}`}`));
    };
    if (child.exitCode !== null || child.signalCode !== null) settle();
    else child.once('exit', settle).once('error', reject);
  });
}
