import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { requireValue } from '../../contract/require-value.ts';
import { setSafeTimeout } from '../async/safe-timers.ts';

/**
 * External programs whose output a dump contains, with their Debian package and the arguments that print the version.
 */
const known = {
  ip: { version: ['-V'], package: 'iproute2' },
  tc: { version: ['-V'], package: 'iproute2' },
  bpftool: { version: ['version'], package: 'bpftool' },
  nsenter: { version: ['--version'], package: 'util-linux' },
} as const;
export type ExternalToolName = keyof typeof known;

export interface ExternalTool {
  /** Path of the program; null if it is not installed. */
  file: string | null;
  version: string | null;
  package: string;
}
export type ExternalTools = Record<ExternalToolName, ExternalTool>;

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const versionWithinMs = 5_000;

/** Finds the external programs in a search path, by default the PATH of the environment. */
export async function findExternalTools(
  path: string = process.env.PATH || systemPath,
): Promise<ExternalTools> {
  const found = Object.entries(known).map(async ([name, { version, package: packageName }]) => {
    const file =
      path
        .split(delimiter)
        .map((folder) => join(folder, name))
        .find(isExecutable) ?? null;
    const tool: ExternalTool = { file, version: null, package: packageName };
    if (file !== null) {
      const { output } = await runCommand([file, ...version], { withinMs: versionWithinMs, maxBytes: 4096 });
      tool.version = output.toString('utf8').split('\n')[0]?.trim() || 'unknown';
    }
    return [name, tool];
  });
  return Object.fromEntries(await Promise.all(found)) as ExternalTools;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface ExternalCommandLimits {
  withinMs: number;
  /** Maximum size of the standard output in bytes. */
  maxBytes: number;
  signal?: AbortSignal;
  /** File descriptor that the program receives as descriptor 3. */
  descriptor?: number;
}

/**
 * Runs a program and returns its standard output, even if it failed; `problem` says why. Kills the program if it
 * exceeds the limits of time or output. Throws only the signal's reason.
 */
export async function runCommand(
  [file, ...args]: string[],
  { withinMs, maxBytes, signal, descriptor }: ExternalCommandLimits,
): Promise<{ output: Buffer; problem: string | null }> {
  signal?.throwIfAborted();
  const ended = await new Promise<{ output: Buffer; problem: string | null }>((resolve) => {
    const child: ChildProcess = spawn(requireValue(file, 'path of the tool'), args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(descriptor === undefined ? [] : [descriptor])],
      // The agent's environment may hold tokens, and the program needs none of it.
      env: { PATH: systemPath, LC_ALL: 'C' } as unknown as NodeJS.ProcessEnv,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let said = '';
    let problem: string | null = null;
    const end = (why: string) => {
      problem ??= why;
      child.kill('SIGKILL');
    };
    const timer = setSafeTimeout(() => end(`took longer than ${withinMs / 1000} s`), withinMs);
    const cancel = () => end('canceled');
    signal?.addEventListener('abort', cancel, { once: true });
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else end(`printed more than ${maxBytes} bytes`);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, 500);
    });
    child.on('error', (error) => {
      problem ??= error.message;
    });
    child.on('close', (code, by) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      if (code !== 0) problem ??= said.trim().split('\n')[0] || `exited with ${code ?? by}`;
      resolve({ output: Buffer.concat(chunks), problem });
    });
  });
  signal?.throwIfAborted();
  return ended;
}
