import type { Capability } from '../../contract/node.ts';
import { problem } from '../../contract/problem.ts';
import type { DumpFiles, FileContent, FileDescription } from './dump-files.ts';
import { maxFileBytes } from './dump-files.ts';
import { runCommand, type ToolName, type Tools } from './external-tools.ts';

/** What a GET of the agent's API answers. */
export type AgentRequest = (path: string) => Promise<{ status: number; body: Buffer }>;

/** The agent's side of a dump. */
export interface AgentSource {
  get: AgentRequest;
  /** What it was told when it started, without secrets. */
  configuration: object;
  /** Its last log lines, and how many older ones are gone. */
  log(): { text: string; dropped: number };
}

/** What the parts of a dump have to work with. */
export interface DumpContext {
  files: DumpFiles;
  tools: Tools;
  /** null: no agent answers */
  agent: AgentSource | null;
  /** folder of our pins */
  pins: string;
  capabilities(): Capability[] | Promise<Capability[]>;
  /** ids or namespace.name; undefined: the first ones */
  pods: readonly string[] | undefined;
}

/** A network namespace that a part looks into. */
export interface NamespaceTarget {
  /** `host`, `pods/shop.cart` */
  folder: string;
  /** namespace.name; null: the host */
  pod: string | null;
  /** open; null: the one that we are in */
  fd: number | null;
  /** begins the commands: empty, or `nsenter --net=/run/netns/cart ` */
  prefix: string;
}

export const hostTarget: NamespaceTarget = { folder: 'host', pod: null, fd: null, prefix: '' };

/** The JSON of a GET. @throws Error with what the agent answered instead */
export async function getJson<T>(ask: AgentRequest, path: string): Promise<T> {
  const { status, body } = await ask(path);
  const text = body.toString('utf8');
  if (status >= 400) throw new Error(`GET ${path}: ${refusalText(status, text)}`);
  return JSON.parse(text) as T;
}

/** What the agent's refusal says, a problem's code and detail where it is one. */
export function refusalText(status: number, text: string): string {
  try {
    const { code, detail } = problem.parse(JSON.parse(text));
    return `${detail} (${code})`;
  } catch {
    return `the agent answered ${status} ${text.slice(0, 300)}`;
  }
}

const commandWithinMs = 20_000;

/** What a file of a place is told as. */
export const fileOf = (
  place: NamespaceTarget,
  path: string,
  title: string,
  command: string,
): FileDescription => ({
  path: `${place.folder}/${path}`,
  title,
  command: `${place.prefix}${command}`,
  ...(place.pod === null ? {} : { pod: place.pod }),
});

/** Adds what a program prints in the place's namespace. A program that is not installed is noted. @returns what it printed */
export async function addCommand(
  { files, tools }: Pick<DumpContext, 'files' | 'tools'>,
  place: NamespaceTarget,
  path: string,
  title: string,
  [name, ...args]: [ToolName, ...string[]],
): Promise<Buffer | null> {
  const wanted = fileOf(place, path, title, [name, ...args].join(' '));
  const missing = ([name, ...(place.fd === null ? [] : (['nsenter'] as const))] as ToolName[]).find(
    (tool) => tools[tool].file === null,
  );
  if (missing !== undefined) {
    const problem = `${missing} is not installed (Debian package ${tools[missing].package}): what it would tell is left out here`;
    await files.noteMissingOnce(missing, wanted, problem);
    return null;
  }
  let printed: Buffer | null = null;
  const enter = place.fd === null ? [] : [tools.nsenter.file!, '--net=/proc/self/fd/3', '--'];
  await files.add(wanted, async () => {
    const { output, problem } = await runCommand([...enter, tools[name].file!, ...args], {
      withinMs: commandWithinMs,
      maxBytes: maxFileBytes,
      signal: files.signal,
      ...(place.fd === null ? {} : { descriptor: place.fd }),
    });
    printed = output;
    return { bytes: output, problem };
  });
  return printed;
}

/** Adds a value as JSON; integers beyond 2^53 as decimal text. */
export const addJson = (files: DumpFiles, wanted: FileDescription, read: () => unknown): Promise<void> =>
  files.add(wanted, async () => completeContent(json(await read())));

/** A content that is all there. */
export const completeContent = (content: Buffer | string): FileContent => ({
  bytes: typeof content === 'string' ? Buffer.from(content) : content,
  problem: null,
});

export const json = (value: unknown): string =>
  `${JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? plain(each) : each), 1)}\n`;

const plain = (value: bigint): number | string =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
