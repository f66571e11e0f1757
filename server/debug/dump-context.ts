import type { KernelCapability } from '../../contract/node.ts';
import { problemSchema } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import type { DebugDumpFileContent, DebugDumpFileDescription, DebugDumpFiles } from './dump-files.ts';
import { maxDebugDumpFileSize } from './dump-files.ts';
import { type ExternalToolName, type ExternalTools, runCommand } from './external-tools.ts';

/** Function that sends a GET request to the agent's API. */
export type AgentGetRequest = (path: string) => Promise<{ status: number; body: Buffer }>;

/** Source of what a dump takes from the running agent: API responses, configuration and log. */
export interface AgentDebugDumpSource {
  get: AgentGetRequest;
  /** The agent's configuration without secrets. */
  configuration: object;
  /** Returns the agent's last log lines, and the number of older lines that were evicted. */
  log(): { text: string; dropped: number };
}

/** Context shared by the collectors of a dump. */
export interface DebugDumpContext {
  files: DebugDumpFiles;
  tools: ExternalTools;
  /** The running agent; null if no agent responds. */
  agent: AgentDebugDumpSource | null;
  /** Folder of Podlane's pins in the bpf file system. */
  pins: string;
  capabilities(): KernelCapability[] | Promise<KernelCapability[]>;
  /** Pods to include, by id or namespace.name; undefined for the newest pods. */
  pods: readonly string[] | undefined;
}

/** A network namespace from which a dump collects data. */
export interface DebugDumpTarget {
  /** Archive folder for the namespace's files, e.g. `host` or `pods/shop.cart`. */
  folder: string;
  /** Name of the pod as namespace.name; null for the host. */
  pod: string | null;
  /** File descriptor of the network namespace; null for the current namespace. */
  fd: number | null;
  /** Prefix of the shown shell commands: empty for the host, otherwise e.g. `nsenter --net=/run/netns/cart `. */
  prefix: string;
}

export const hostDebugDumpTarget: DebugDumpTarget = { folder: 'host', pod: null, fd: null, prefix: '' };

/** Sends a GET request and returns the parsed JSON. @throws Error that quotes the agent's error response */
export async function fetchAgentJson<T>(get: AgentGetRequest, path: string): Promise<T> {
  const { status, body } = await get(path);
  const text = body.toString('utf8');
  if (status >= 400) throw new Error(`GET ${path}: ${formatAgentRefusal(status, text)}`);
  return JSON.parse(text) as T;
}

/** Formats an error response of the agent, with code and detail if the body is a problem document. */
export function formatAgentRefusal(status: number, text: string): string {
  try {
    const { code, detail } = problemSchema.parse(JSON.parse(text));
    return `${detail} (${code})`;
  } catch {
    return `the agent responded with ${status} ${text.slice(0, 300)}`;
  }
}

const commandWithinMs = 20_000;

/** Creates the description of a file in the archive folder of a network namespace. */
export const describeNamespaceFile = (
  place: DebugDumpTarget,
  path: string,
  title: string,
  command: string,
): DebugDumpFileDescription => ({
  path: `${place.folder}/${path}`,
  title,
  command: `${place.prefix}${command}`,
  ...(place.pod === null ? {} : { pod: place.pod }),
});

/** Adds a program's output to the dump, or a note if the program is not installed. @returns the output, or null */
export async function addCommandOutput(
  { files, tools }: Pick<DebugDumpContext, 'files' | 'tools'>,
  place: DebugDumpTarget,
  path: string,
  title: string,
  [name, ...args]: [ExternalToolName, ...string[]],
): Promise<Buffer | null> {
  const wanted = describeNamespaceFile(place, path, title, [name, ...args].join(' '));
  const missing = ([name, ...(place.fd === null ? [] : (['nsenter'] as const))] as ExternalToolName[]).find(
    (tool) => tools[tool].file === null,
  );
  if (missing !== undefined) {
    const problem = `${missing} is not installed (Debian package ${tools[missing].package}): its output is missing here`;
    await files.noteMissingOnce(missing, wanted, problem);
    return null;
  }
  let printed: Buffer | null = null;
  const enter =
    place.fd === null
      ? []
      : [requireValue(tools.nsenter.file, 'path of nsenter'), '--net=/proc/self/fd/3', '--'];
  await files.add(wanted, async () => {
    const { output, problem } = await runCommand(
      [...enter, requireValue(tools[name].file, `path of ${name}`), ...args],
      {
        withinMs: commandWithinMs,
        maxBytes: maxDebugDumpFileSize,
        signal: files.signal,
        ...(place.fd === null ? {} : { descriptor: place.fd }),
      },
    );
    printed = output;
    return { bytes: output, problem };
  });
  return printed;
}

/** Adds a value to the dump as a JSON file; integers above 2^53 become decimal text. */
export const addJsonFile = (
  files: DebugDumpFiles,
  wanted: DebugDumpFileDescription,
  read: () => unknown,
): Promise<void> => files.add(wanted, async () => toCompleteDebugDumpFile(formatDebugDumpJson(await read())));

/** Creates the content of a dump file that is complete and has no problem to report. */
export const toCompleteDebugDumpFile = (content: Buffer | string): DebugDumpFileContent => ({
  bytes: typeof content === 'string' ? Buffer.from(content) : content,
  problem: null,
});

export const formatDebugDumpJson = (value: unknown): string =>
  `${JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? plain(each) : each), 1)}\n`;

const plain = (value: bigint): number | string =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
