import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs whose output goes into a dump: how each says its version, and the Debian package that brings it. */
const known = {
  ip: { version: ['-V'], package: 'iproute2' },
  tc: { version: ['-V'], package: 'iproute2' },
  bpftool: { version: ['version'], package: 'bpftool' },
  nsenter: { version: ['--version'], package: 'util-linux' },
} as const;
export type ToolName = keyof typeof known;

export interface Tool {
  /** null: not installed */
  file: string | null;
  version: string | null;
  package: string;
}
export type Tools = Record<ToolName, Tool>;

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const versionWithinMs = 5_000;

/** Looks the programs up in a search path, that of the environment by default. */
export async function findTools(path: string = process.env.PATH || systemPath): Promise<Tools> {
  const found = Object.entries(known).map(async ([name, { version, package: packageName }]) => {
    const file =
      path
        .split(delimiter)
        .map((folder) => join(folder, name))
        .find(isExecutable) ?? null;
    const tool: Tool = { file, version: null, package: packageName };
    if (file !== null) {
      const { output } = await runCommand([file, ...version], { withinMs: versionWithinMs, maxBytes: 4096 });
      tool.version = output.toString('utf8').split('\n')[0]!.trim() || 'unknown';
    }
    return [name, tool];
  });
  return Object.fromEntries(await Promise.all(found)) as Tools;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface CommandBounds {
  withinMs: number;
  /** of its standard output */
  maxBytes: number;
  signal?: AbortSignal;
  /** open in the program as descriptor 3 */
  descriptor?: number;
}

/**
 * Runs a program and gives its standard output, however it ended; `problem` says how, when not well. Ends it when it
 * takes or prints too much. Throws nothing but the signal's reason.
 */
export async function runCommand(
  [file, ...args]: string[],
  { withinMs, maxBytes, signal, descriptor }: CommandBounds,
): Promise<{ output: Buffer; problem: string | null }> {
  signal?.throwIfAborted();
  const ended = await new Promise<{ output: Buffer; problem: string | null }>((resolve) => {
    const child: ChildProcess = spawn(file!, args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(descriptor === undefined ? [] : [descriptor])],
      // Its own environment may hold tokens; the program needs none of it.
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
    const timer = setTimeout(() => end(`took longer than ${withinMs / 1000} s`), withinMs);
    const cancel = () => end('cancelled');
    signal?.addEventListener('abort', cancel, { once: true });
    child.stdout!.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else end(`printed more than ${maxBytes} bytes`);
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, 500);
    });
    child.on('error', (error) => {
      problem ??= error.message;
    });
    child.on('close', (code, by) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      if (code !== 0) problem ??= said.trim().split('\n')[0] || `ended with ${code ?? by}`;
      resolve({ output: Buffer.concat(chunks), problem });
    });
  });
  signal?.throwIfAborted();
  return ended;
}
