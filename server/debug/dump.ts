import os from 'node:os';
import { type DumpManifest, type DumpPart, type DumpPartName, dumpPartNames } from '../../contract/dump.ts';
import { bootId } from '../kernel/procfs.ts';
import { Archive } from './archive.ts';
import { Collection } from './collection.ts';
import { indexPage } from './page.ts';
import { takeAgent } from './parts/agent.ts';
import { takeKernel, takeSysctls } from './parts/kernel.ts';
import { takeLog } from './parts/log.ts';
import { takeMaps } from './parts/maps.ts';
import { takeNetwork } from './parts/network.ts';
import { takePods } from './parts/pods.ts';
import { takePrograms } from './parts/programs.ts';
import { takeStatistics } from './parts/statistics.ts';
import { host, type Taking } from './taking.ts';
import type { ToolName } from './tools.ts';

const parts: Record<DumpPartName, (taking: Taking) => Promise<void>> = {
  kernel: async (taking) => {
    await takeKernel(taking);
    await takeSysctls(taking, host);
  },
  network: (taking) => takeNetwork(taking, host),
  pods: takePods,
  programs: takePrograms,
  maps: takeMaps,
  statistics: takeStatistics,
  agent: takeAgent,
  log: takeLog,
};

/** What no archive holds. */
const leftOut = [
  'Bytes of packets.',
  'Tokens, keys, cookies, the environment of processes, the kernel’s command line, sysctls that are keys.',
  'Entries of maps that are not Podlane’s: of those only type, size and use.',
  'Entries of ring buffers: nobody can read them twice.',
];

export interface DumpOptions extends Omit<Taking, 'files'> {
  /** where the archive goes; must not be there */
  file: string;
  /** of the folder in it */
  name: string;
  podlane: string;
  maxBytes: number;
  /** all, when not given */
  parts?: readonly DumpPartName[] | undefined;
  /** texts that no file may hold */
  secrets: readonly string[];
  signal: AbortSignal;
  onProgress(parts: readonly DumpPart[]): void;
}

export interface TakenDump {
  archiveBytes: number;
  sha256: string;
  parts: readonly DumpPart[];
}

/**
 * Takes a dump, part by part. What fails is in the manifest, and the rest is there.
 * @throws the signal's reason, or why the archive cannot be written; then there is no file
 */
export async function takeDump(options: DumpOptions): Promise<TakenDump> {
  const takenAt = new Date();
  const wanted = dumpPartNames.filter((name) => options.parts?.includes(name) ?? true);
  const archive = new Archive(options.file, options.name);
  try {
    const files = new Collection({
      archive,
      parts: wanted,
      maxBytes: options.maxBytes,
      secrets: options.secrets,
      signal: options.signal,
      onProgress: () => options.onProgress(files.parts),
    });
    const taking: Taking = { ...options, files };
    for (const name of wanted) await files.take(name, () => parts[name](taking));
    const manifest = manifestOf(options, files, takenAt);
    const pages = {
      'manifest.json': `${JSON.stringify(manifest, null, 1)}\n`,
      'index.html': indexPage(manifest, files.parts, await options.capabilities()),
    };
    for (const [path, text] of Object.entries(pages)) await archive.add(path, Buffer.from(text), takenAt);
    options.signal.throwIfAborted();
    const { bytes, sha256 } = await archive.finish();
    return { archiveBytes: bytes, sha256, parts: files.parts };
  } catch (error) {
    await archive.abort();
    throw error;
  }
}

function manifestOf(options: DumpOptions, files: Collection, takenAt: Date): DumpManifest {
  const { tools } = options;
  return {
    format: 1,
    name: options.name,
    takenAt: takenAt.toISOString(),
    endedAt: new Date().toISOString(),
    host: { name: os.hostname(), kernel: os.release(), machine: os.machine(), bootId: bootId() },
    podlane: options.podlane,
    agent: options.agent !== null,
    tools: (Object.keys(tools) as ToolName[]).map((name) => ({ name, version: tools[name].version })),
    maxBytes: options.maxBytes,
    leftOut,
    files: files.files,
  };
}
