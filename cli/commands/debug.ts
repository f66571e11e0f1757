import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DebugDump,
  type DebugDumpPart,
  debugDumpPartNames,
  type NewDebugDump,
  newDebugDumpSchema,
} from '../../contract/debug-dump.ts';
import { defaultDebugDumpSize } from '../../contract/limits.ts';
import { ProblemError } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import { formatDebugDumpName } from '../../server/debug/dump-name.ts';
import { podlaneVersion } from '../../server/version.ts';
import type { AgentClient } from '../agent-client.ts';
import { type CliCommand, type CommandInvocation, printResult } from '../command.ts';
import { DebugDumpProgressPrinter } from '../debug-dump-progress.ts';
import { formatBytes } from '../text-table.ts';

const pollMs = 200;

interface DebugDumpResult {
  file: string;
  bytes: number;
  sha256: string;
  /** True if the agent took the dump; false if this command took it without the agent. */
  agent: boolean;
  files: number;
  problems: DebugDumpPart['problems'];
}

export const debugCommand: CliCommand = {
  name: 'debug',
  parameters: [],
  summary: 'collects debug information of kernel and agent in an archive; Ctrl-C cancels it',
  options: {
    output: { value: 'FILE', short: 'o', summary: 'file to write; by default a name with host and time' },
    'max-bytes': { value: 'N', summary: `maximum size, uncompressed [${defaultDebugDumpSize}]` },
    pod: { value: 'PODS', summary: 'pods to include, separated by commas; by default the first 64' },
    parts: {
      value: 'PARTS',
      summary: `parts to include, separated by commas: ${debugDumpPartNames.join(', ')}; by default all`,
    },
    'no-agent': { summary: 'collect without the agent what needs none' },
    pins: {
      value: 'DIR',
      summary: 'directory of the agent’s pins, used without the agent [/sys/fs/bpf/podlane]',
    },
  },
  async run(invocation) {
    const name = formatDebugDumpName(new Date());
    const file = invocation.option('output') ?? `${name}.tar.gz`;
    if (existsSync(file))
      throw new ProblemError('bad_request', `${file} exists already`, {
        hint: 'choose another name with --output',
      });
    const progress = new DebugDumpProgressPrinter();
    let result: DebugDumpResult;
    try {
      result = invocation.flag('no-agent')
        ? await collectWithoutAgent(invocation, file, name, progress)
        : await collectByAgent(invocation, file, progress).catch((error: unknown) => {
            if (!(error instanceof ProblemError && error.code === 'agent_unreachable')) throw error;
            progress.note(`${error.message}: collecting what needs no agent`);
            return collectWithoutAgent(invocation, file, name, progress);
          });
    } finally {
      progress.end();
    }
    printResult(invocation, result, ({ bytes, files, problems }) => {
      const missing = problems.map(({ path, problem }) => `  ${path}: ${problem}`);
      return [
        `${file}: ${files} files, ${formatBytes(bytes)}`,
        ...(missing.length > 0 ? [`missing or incomplete: ${missing.length}`, ...missing] : []),
      ].join('\n');
    });
  },
};

/** Converts the command's options to a dump request. @throws ProblemError `bad_request` if an option is invalid */
function dumpOptions(invocation: CommandInvocation): NewDebugDump {
  const list = (name: string) => invocation.option(name)?.split(',');
  const { data, error } = newDebugDumpSchema.safeParse({
    maxBytes: invocation.number('max-bytes'),
    pods: list('pod'),
    parts: list('parts'),
  });
  if (data) return data;
  const errors = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new ProblemError('bad_request', errors.map(({ path, message }) => `${path}: ${message}`).join('; '), {
    hint: 'see podlane debug --help',
  });
}

async function collectByAgent(
  invocation: CommandInvocation,
  file: string,
  progress: DebugDumpProgressPrinter,
): Promise<DebugDumpResult> {
  const { agent, signal } = invocation;
  let dump = await agent.request<DebugDump>('POST', '/dumps', { body: dumpOptions(invocation) });
  try {
    while (dump.state === 'running') {
      progress.show(dump.parts);
      await sleep(pollMs, undefined, { signal });
      dump = await agent.request<DebugDump>('GET', `/dumps/${dump.id}`);
    }
    progress.show(dump.parts);
    if (dump.state === 'failed') throw new ProblemError('unprocessable', `create the dump: ${dump.reason}`);
    await fetchArchive(agent, dump, file, signal);
  } catch (error) {
    // Nobody will fetch the archive: the agent need not keep it.
    await agent.request('DELETE', `/dumps/${dump.id}`).catch(() => {});
    throw error;
  }
  return {
    file,
    bytes: requireValue(dump.archiveBytes, 'size of the archive'),
    sha256: requireValue(dump.sha256, 'checksum of the archive'),
    agent: true,
    files: dump.files,
    problems: dump.parts.flatMap(({ problems }) => problems),
  };
}

/** Downloads a dump archive under a temporary name and renames the file when the download is complete. */
async function fetchArchive(
  agent: AgentClient,
  dump: DebugDump,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const partial = `${file}.part`;
  try {
    const body = await agent.open(`/dumps/${dump.id}/archive`, signal);
    await pipeline(body, hashed, createWriteStream(partial, { mode: 0o600 }), { signal });
    if (hash.digest('hex') !== dump.sha256)
      throw new ProblemError('internal', `${file}: the checksum of the downloaded archive is wrong`);
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function collectWithoutAgent(
  invocation: CommandInvocation,
  file: string,
  name: string,
  progress: DebugDumpProgressPrinter,
): Promise<DebugDumpResult> {
  if (process.getuid?.() !== 0) progress.note('not running as root: most of the information will be missing');
  // Loaded here: they need libbpf, which the other commands do not.
  const [{ takeDebugDump }, { findExternalTools: findTools }, { probeCapabilities: probe }] =
    await Promise.all([
      import('../../server/debug/take-dump.ts'),
      import('../../server/debug/external-tools.ts'),
      import('../../server/kernel/probe-capabilities.ts'),
    ]);
  let probed: ReturnType<typeof probe> | undefined;
  const result = await takeDebugDump({
    file,
    name,
    podlane: podlaneVersion,
    ...dumpOptions(invocation),
    pods: undefined,
    tools: await findTools(),
    agent: null,
    pins: invocation.option('pins') ?? '/sys/fs/bpf/podlane',
    capabilities: () => (probed ??= probe()),
    secrets: [],
    signal: invocation.signal,
    onProgress: (parts) => progress.show(parts),
  });
  return {
    file,
    bytes: result.archiveBytes,
    sha256: result.sha256,
    agent: false,
    files: result.parts.reduce((sum, { files }) => sum + files, 0),
    problems: result.parts.flatMap(({ problems }) => problems),
  };
}
