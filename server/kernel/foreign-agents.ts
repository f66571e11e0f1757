import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { listBpfObjectIds } from '../bpf/bpf-object-info.ts';
import { readBpfProgramInfoById } from '../bpf/program-info.ts';
import { listLinks } from '../netlink/link.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { type ForeignAgentName, foreignAgentNames, foreignAgentSigns } from './foreign-agent-signs.ts';
import { listRunningProcesses, type RunningProcess, seesAllProcesses } from './running-processes.ts';

/** Folder of the CNI configurations by default. */
export const defaultCniConfigFolder = '/etc/cni/net.d';
/** Bounds of what one detection reads. */
const limits = { programs: 8192, configurations: 64, configurationBytes: 1 << 20, evidence: 4 } as const;
/** Programs that are read before the event loop goes on. */
const programsAtOnce = 256;

/** What shows that a network agent of others is or was on the node. */
export interface ForeignAgentEvidence {
  kind: 'interface' | 'pod interface' | 'program' | 'process' | 'configuration' | 'file';
  /** For users, such as `vxlan.calico` or `calico-node (pid 4711)`. */
  text: string;
}

/** A network agent of others on the node. */
export interface ForeignAgent {
  name: ForeignAgentName;
  /** True if a process of it runs on the host's network; null if the node's processes cannot be seen. */
  live: boolean | null;
  /** At most four of a kind. */
  evidence: ForeignAgentEvidence[];
  /** What it repairs when others change it, as the end of a sentence. */
  repairs: string;
}

/** The network agents of others that were found, and what could not be looked at. */
export interface ForeignAgentReading {
  agents: ForeignAgent[];
  /** The first CNI configuration of the folder, which runtimes use; null if there is none. */
  configuration: { path: string; plugins: string[] } | null;
  /** A sentence for each source that could not be read. */
  unread: string[];
}

export interface ForeignAgentSources {
  /** Socket in the host's network namespace, and the namespace's inode. */
  host: NetlinkSocket;
  hostNetnsInode: bigint;
  /** Folder of the CNI configurations. */
  cniConfig?: string;
  /** Replaces the root folder of the files that agents make. */
  root?: string;
}

type Found = { name: ForeignAgentName; evidence: ForeignAgentEvidence };

/**
 * Detects the network agents of others by their interfaces, BPF programs, processes, CNI configurations and files.
 * Changes nothing. What cannot be read is named and not taken for absent.
 */
export async function detectForeignAgents(sources: ForeignAgentSources): Promise<ForeignAgentReading> {
  const { cniConfig = defaultCniConfigFolder, root = '/' } = sources;
  const unread: string[] = [];
  const attempt = async <T>(what: string, look: () => Promise<T>, nothing: T): Promise<T> => {
    try {
      return await look();
    } catch (error) {
      unread.push(`${what}: ${(error as Error).message}`);
      return nothing;
    }
  };
  const allProcesses = await seesAllProcesses();
  if (!allProcesses)
    unread.push('processes of the node: the agent runs in a PID namespace of its own and does not see them');
  const configurations = await attempt(
    `CNI configurations in ${cniConfig}`,
    () => readCniConfigurations(cniConfig),
    [],
  );
  const byInterfaces = await attempt('interfaces of the host', () => findByInterfaces(sources.host), []);
  const found: Found[] = [
    ...byInterfaces,
    ...(await attempt(
      'processes',
      async () => findByProcesses(await listRunningProcesses(), sources, byInterfaces),
      [],
    )),
    ...(await attempt('BPF programs', findByPrograms, [])),
    ...configurations.flatMap(findByConfiguration),
    ...(await attempt('files', () => findByFiles(root), [])),
  ];
  const agents = foreignAgentNames.flatMap((name): ForeignAgent[] => {
    const evidence = found.filter((each) => each.name === name).map((each) => each.evidence);
    if (evidence.length === 0) return [];
    const live = evidence.some(({ kind }) => kind === 'process') || (allProcesses ? false : null);
    return [{ name, live, evidence: limitEvidence(evidence), repairs: foreignAgentSigns[name].repairs }];
  });
  const [first] = configurations;
  return { agents, configuration: first ?? null, unread };
}

/** The host's end of a pod's device, as far as it shows whose pod it is. */
export interface PodInterfaceSigns {
  name: string;
  /** Name of the bridge that it is a port of. */
  bridge: string | null;
  /** Names of the BPF programs on it. */
  programs: readonly string[];
}

/** Finds the network agent that a pod's device belongs to, by its name, its bridge or the programs on it. */
export function findOwningAgent(
  { name, bridge, programs }: PodInterfaceSigns,
  agents: readonly ForeignAgent[],
): { agent: ForeignAgent; because: string } | null {
  for (const agent of agents) {
    const signs = foreignAgentSigns[agent.name];
    const program = programs.find((each) => signs.programs?.test(each));
    if (signs.podInterfaces?.test(name)) return { agent, because: `its host's end is called ${name}` };
    if (bridge !== null && signs.bridges.includes(bridge))
      return { agent, because: `${name} is a port of ${bridge}` };
    if (program !== undefined) return { agent, because: `program ${program} is on ${name}` };
  }
  return null;
}

async function findByInterfaces(host: NetlinkSocket): Promise<Found[]> {
  const links = await listLinks(host);
  return foreignAgentNames.flatMap((name) => {
    const { interfaces, podInterfaces } = foreignAgentSigns[name];
    return links.flatMap(({ name: text }): Found[] => {
      if (interfaces.test(text)) return [{ name, evidence: { kind: 'interface', text } }];
      return podInterfaces?.test(text) ? [{ name, evidence: { kind: 'pod interface', text } }] : [];
    });
  });
}

/** Processes of such agents share the host's network; those of nodes in containers of this node do not. */
const findByProcesses = (
  processes: readonly RunningProcess[],
  { hostNetnsInode }: ForeignAgentSources,
  byInterfaces: readonly Found[],
): Found[] =>
  processes
    .filter(({ netnsInode }) => netnsInode === hostNetnsInode)
    .flatMap(({ pid, program }) =>
      foreignAgentNames
        .filter((name) => {
          const { processes: own, containedIn } = foreignAgentSigns[name];
          const hasInterface = byInterfaces.some((each) => each.name === name);
          return own.includes(program) || (hasInterface && containedIn.includes(program));
        })
        .map((name): Found => ({ name, evidence: { kind: 'process', text: `${program} (pid ${pid})` } })),
    );

async function findByPrograms(): Promise<Found[]> {
  const ids = listBpfObjectIds('program');
  if (ids.length > limits.programs) throw new Error(`the kernel has ${ids.length}, more than are read`);
  const found: Found[] = [];
  for (const [index, id] of ids.entries()) {
    if (index % programsAtOnce === programsAtOnce - 1) await nextTurn();
    const program = readBpfProgramInfoById(id);
    const name = foreignAgentNames.find((each) =>
      foreignAgentSigns[each].programs?.test(program?.name ?? ''),
    );
    if (program && name)
      found.push({ name, evidence: { kind: 'program', text: `${program.name} (id ${id})` } });
  }
  return found;
}

interface CniConfiguration {
  path: string;
  /** Types of its plugins, in their order. */
  plugins: string[];
}

/** Reads the network configurations of a folder in the order in which runtimes take them, which is that of names. */
async function readCniConfigurations(folder: string): Promise<CniConfiguration[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const found: CniConfiguration[] = [];
  for (const name of names
    .filter((each) => /\.(conflist|conf|json)$/.test(each))
    .sort()
    .slice(0, limits.configurations)) {
    const path = join(folder, name);
    if ((await stat(path)).size > limits.configurationBytes)
      throw new Error(`${name} is too large to be one`);
    found.push({ path, plugins: listPluginTypes(await readFile(path, 'utf8')) });
  }
  return found;
}

/** Lists the types of a configuration's plugins, and of the IPAM plugins that they name; none if it is malformed. */
export function listPluginTypes(text: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  const list = isObject(parsed) && Array.isArray(parsed.plugins) ? parsed.plugins : [parsed];
  return list
    .filter(isObject)
    .flatMap(({ type, ipam }) => [
      ...(typeof type === 'string' ? [type] : []),
      ...(isObject(ipam) && typeof ipam.type === 'string' ? [ipam.type] : []),
    ]);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const findByConfiguration = ({ path, plugins }: CniConfiguration): Found[] =>
  foreignAgentNames
    .filter((name) => plugins.some((type) => foreignAgentSigns[name].plugins.includes(type)))
    .map((name) => ({ name, evidence: { kind: 'configuration', text: path } }));

async function findByFiles(root: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of foreignAgentNames)
    for (const path of foreignAgentSigns[name].paths) {
      const exists = await stat(join(root, path)).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
          throw error;
        },
      );
      if (exists) found.push({ name, evidence: { kind: 'file', text: path } });
    }
  return found;
}

function limitEvidence(evidence: readonly ForeignAgentEvidence[]): ForeignAgentEvidence[] {
  const seen = new Map<ForeignAgentEvidence['kind'], number>();
  return evidence.filter(({ kind }) => {
    const count = seen.get(kind) ?? 0;
    seen.set(kind, count + 1);
    return count < limits.evidence;
  });
}
