import os from 'node:os';
import {
  type DebugDumpManifest,
  type DebugDumpPart,
  type DebugDumpPartName,
  debugDumpPartNames,
} from '../../contract/debug-dump.ts';
import { readKernelBootId } from '../kernel/procfs.ts';
import { collectAgentResponses } from './collectors/agent.ts';
import { collectKernelState, collectSysctls } from './collectors/kernel.ts';
import { collectAgentLog } from './collectors/log.ts';
import { collectBpfMaps } from './collectors/maps.ts';
import { collectNetwork } from './collectors/network.ts';
import { collectPods } from './collectors/pods.ts';
import { collectBpfPrograms } from './collectors/programs.ts';
import { collectStatistics } from './collectors/statistics.ts';
import { DebugDumpArchive } from './dump-archive.ts';
import { type DebugDumpContext, hostDebugDumpTarget } from './dump-context.ts';
import { DebugDumpFiles } from './dump-files.ts';
import type { ExternalToolName } from './external-tools.ts';
import { renderDebugDumpIndexPage } from './index-page.ts';

const parts: Record<DebugDumpPartName, (context: DebugDumpContext) => Promise<void>> = {
  kernel: async (context) => {
    await collectKernelState(context);
    await collectSysctls(context, hostDebugDumpTarget);
  },
  network: (context) => collectNetwork(context, hostDebugDumpTarget),
  pods: collectPods,
  programs: collectBpfPrograms,
  maps: collectBpfMaps,
  statistics: collectStatistics,
  agent: collectAgentResponses,
  log: collectAgentLog,
};

/** Descriptions of the data that dump archives never contain. */
const leftOut = [
  'Packet payloads.',
  'Tokens, keys, cookies, environments of processes, the kernel command line, sysctls that hold keys.',
  'Entries of foreign maps: only their type, size and users.',
  'Entries of ring buffers: reading consumes them.',
];

export interface DebugDumpOptions extends Omit<DebugDumpContext, 'files'> {
  /** Path of the dump archive to create, at which no file may exist. */
  file: string;
  /** Name of the top-level folder in the dump archive. */
  name: string;
  podlane: string;
  maxBytes: number;
  /** Parts of the dump to collect; all parts by default. */
  parts?: readonly DebugDumpPartName[] | undefined;
  /** Secrets that are redacted in all files of the dump. */
  secrets: readonly string[];
  signal: AbortSignal;
  onProgress(parts: readonly DebugDumpPart[]): void;
}

export interface DebugDumpResult {
  archiveBytes: number;
  sha256: string;
  parts: readonly DebugDumpPart[];
}

/**
 * Takes a dump, part by part. Failures are recorded in the manifest.
 * @throws the signal's reason, or Error if the archive cannot be written; the file is deleted then
 */
export async function takeDebugDump(options: DebugDumpOptions): Promise<DebugDumpResult> {
  const takenAt = new Date();
  const wanted = debugDumpPartNames.filter((name) => options.parts?.includes(name) ?? true);
  const archive = new DebugDumpArchive(options.file, options.name);
  try {
    const files = new DebugDumpFiles({
      archive,
      parts: wanted,
      maxBytes: options.maxBytes,
      secrets: options.secrets,
      signal: options.signal,
      onProgress: () => options.onProgress(files.parts),
    });
    const context: DebugDumpContext = { ...options, files };
    for (const name of wanted) await files.collectPart(name, () => parts[name](context));
    const manifest = manifestOf(options, files, takenAt);
    const pages = {
      'manifest.json': `${JSON.stringify(manifest, null, 1)}\n`,
      'index.html': renderDebugDumpIndexPage(manifest, files.parts, await options.capabilities()),
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

function manifestOf(options: DebugDumpOptions, files: DebugDumpFiles, takenAt: Date): DebugDumpManifest {
  const { tools } = options;
  return {
    format: 1,
    name: options.name,
    takenAt: takenAt.toISOString(),
    endedAt: new Date().toISOString(),
    host: { name: os.hostname(), kernel: os.release(), machine: os.machine(), bootId: readKernelBootId() },
    podlane: options.podlane,
    agent: options.agent !== null,
    tools: (Object.keys(tools) as ExternalToolName[]).map((name) => ({ name, version: tools[name].version })),
    maxBytes: options.maxBytes,
    leftOut,
    files: files.files,
  };
}
