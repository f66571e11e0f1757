import { createHash } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dump, type DumpPart, dumpPartNames, type NewDump, newDump } from '../../contract/dump.ts';
import { defaultDumpBytes } from '../../contract/limits.ts';
import { ProblemError } from '../../contract/problem.ts';
import { dumpName } from '../../server/debug/name.ts';
import { version } from '../../server/version.ts';
import type { AgentClient } from '../agent.ts';
import { type Asked, answer, type Command } from '../command.ts';
import { Progress } from '../progress.ts';
import { bytesText } from '../table.ts';

const askEveryMs = 200;

interface Taken {
  file: string;
  bytes: number;
  sha256: string;
  /** whether the agent's part is in it */
  agent: boolean;
  files: number;
  problems: DumpPart['problems'];
}

export const debug: Command = {
  name: 'debug',
  takes: [],
  text: 'puts what the kernel and the agent know into one archive; Ctrl-C cancels it',
  options: {
    output: { value: 'FILE', short: 'o', text: 'where it goes; a name with host and time by default' },
    'max-bytes': { value: 'N', text: `of all files unpacked [${defaultDumpBytes}]` },
    pod: { value: 'PODS', text: 'pods to look into, separated by commas; the first 64 by default' },
    parts: { value: 'PARTS', text: `separated by commas, of ${dumpPartNames.join(', ')}; all by default` },
    'no-agent': { text: 'asks no agent, and takes what needs none' },
    pins: { value: 'DIR', text: 'without an agent: where its maps are pinned [/sys/fs/bpf/podlane]' },
  },
  async run(asked) {
    const name = dumpName(new Date());
    const file = asked.option('output') ?? `${name}.tar.gz`;
    if (existsSync(file))
      throw new ProblemError('bad_request', `${file} is there already`, {
        hint: 'choose another with --output',
      });
    const progress = new Progress();
    let taken: Taken;
    try {
      taken = asked.flag('no-agent')
        ? await takeAlone(asked, file, name, progress)
        : await takeByAgent(asked, file, progress).catch((error: unknown) => {
            if (!(error instanceof ProblemError && error.code === 'agent_unreachable')) throw error;
            progress.note(`${error.message}: taking what needs no agent`);
            return takeAlone(asked, file, name, progress);
          });
    } finally {
      progress.end();
    }
    answer(asked, taken, ({ bytes, files, problems }) => {
      const missing = problems.map(({ path, problem }) => `  ${path}: ${problem}`);
      return [
        `${file}: ${files} files, ${bytesText(bytes)}`,
        ...(missing.length > 0 ? [`missing or not whole: ${missing.length}`, ...missing] : []),
      ].join('\n');
    });
  },
};

/** @throws ProblemError `bad_request` */
function wantedOf(asked: Asked): NewDump {
  const list = (name: string) => asked.option(name)?.split(',');
  const { data, error } = newDump.safeParse({
    maxBytes: asked.number('max-bytes'),
    pods: list('pod'),
    parts: list('parts'),
  });
  if (data) return data;
  const errors = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new ProblemError('bad_request', errors.map(({ path, message }) => `${path}: ${message}`).join('; '), {
    hint: 'podlane debug --help says what there is',
  });
}

async function takeByAgent(asked: Asked, file: string, progress: Progress): Promise<Taken> {
  const { agent, signal } = asked;
  let dump = await agent.ask<Dump>('POST', '/dumps', { body: wantedOf(asked) });
  try {
    while (dump.state === 'running') {
      progress.show(dump.parts);
      await sleep(askEveryMs, undefined, { signal });
      dump = await agent.ask<Dump>('GET', `/dumps/${dump.id}`);
    }
    progress.show(dump.parts);
    if (dump.state === 'failed') throw new ProblemError('unprocessable', `make the dump: ${dump.reason}`);
    await fetchArchive(agent, dump, file, signal);
  } catch (error) {
    // The agent keeps no archive that nobody got.
    await agent.ask('DELETE', `/dumps/${dump.id}`).catch(() => {});
    throw error;
  }
  return {
    file,
    bytes: dump.archiveBytes!,
    sha256: dump.sha256!,
    agent: true,
    files: dump.files,
    problems: dump.parts.flatMap(({ problems }) => problems),
  };
}

/** Writes the archive beside its place first, so that what is there is whole. */
async function fetchArchive(
  agent: AgentClient,
  dump: Dump,
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
  const growing = `${file}.part`;
  try {
    const body = await agent.open(`/dumps/${dump.id}/archive`, signal);
    await pipeline(body, hashed, createWriteStream(growing, { mode: 0o600 }), { signal });
    if (hash.digest('hex') !== dump.sha256)
      throw new ProblemError('internal', `${file}: the archive came otherwise than it was made`);
    await rename(growing, file);
  } catch (error) {
    await rm(growing, { force: true });
    throw error;
  }
}

async function takeAlone(asked: Asked, file: string, name: string, progress: Progress): Promise<Taken> {
  if (process.getuid?.() !== 0) progress.note('not root: much of it will be missing');
  // Here, since they load libbpf, which the other commands need not have.
  const [{ takeDump }, { findTools }, { probeCapabilities: probe }] = await Promise.all([
    import('../../server/debug/dump.ts'),
    import('../../server/debug/tools.ts'),
    import('../../server/kernel/probe.ts'),
  ]);
  let probed: ReturnType<typeof probe> | undefined;
  const taken = await takeDump({
    file,
    name,
    podlane: version,
    ...wantedOf(asked),
    pods: undefined,
    tools: await findTools(),
    agent: null,
    pins: asked.option('pins') ?? '/sys/fs/bpf/podlane',
    capabilities: () => (probed ??= probe()),
    secrets: [],
    signal: asked.signal,
    onProgress: (parts) => progress.show(parts),
  });
  return {
    file,
    bytes: taken.archiveBytes,
    sha256: taken.sha256,
    agent: false,
    files: taken.parts.reduce((sum, { files }) => sum + files, 0),
    problems: taken.parts.flatMap(({ problems }) => problems),
  };
}
