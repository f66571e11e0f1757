import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type KernelCapabilityName, kernelCapabilityNameSchema } from '../contract/node.ts';
import { type ObserveMode, observeModeSchema } from '../contract/observed-pod.ts';
import { ProblemError } from '../contract/problem.ts';
import {
  type ConntrackTimeouts,
  defaultConntrackTimeouts,
  parseConntrackTimeouts,
} from './acl/load/conntrack-timeouts.ts';
import { defaultCniConfigFolder } from './kernel/foreign-agents.ts';
import { defaultRuntimePaths, type RuntimePaths } from './runtime/runtimes/container-runtimes.ts';

interface OptionText {
  /** Placeholder for the option's value in the help text; an option without a placeholder is a switch. */
  value?: string;
  text: string;
  preset?: string;
}

const options = {
  socket: { value: 'PATH', text: 'Unix socket to listen on', preset: '/run/podlane/agent.sock' },
  'cni-socket': { value: 'PATH', text: 'Unix socket for the CNI plugin [cni.sock beside --socket]' },
  'socket-gid': { value: 'GID', text: 'group that may use the socket besides root' },
  listen: { value: 'HOST:PORT', text: 'listen on TCP too; requires --token-file' },
  'token-file': { value: 'PATH', text: 'file with the bearer token that TCP clients must send' },
  database: {
    value: 'PATH',
    text: 'SQLite file for names, history and journals',
    preset: '/var/lib/podlane/podlane.db',
  },
  pins: {
    value: 'DIR',
    text: 'folder in a BPF file system to pin programs, maps and links in',
    preset: '/sys/fs/bpf/podlane',
  },
  'cni-config': {
    value: 'DIR',
    text: 'folder of the CNI configurations, by which other network agents are known',
    preset: defaultCniConfigFolder,
  },
  trust: { value: 'DIR', text: 'public keys, NAME.pem, whose builds of the datapath may be run' },
  'max-slots': { value: 'N', text: 'maximum number of devices', preset: '2048' },
  connections: { value: 'N', text: 'size of the connection table of the access rules', preset: '65536' },
  timeouts: { value: 'LIST', text: 'connection timeouts in seconds: udp=60/300,tcp=120/7440/60' },
  learn: {
    value: 'SECONDS',
    text: 'time to learn existing connections in before the first access rules are enforced; 0: none',
    preset: '3',
  },
  'verdict-rate': {
    value: 'N[/BURST]',
    text: 'verdicts reported per second and device, and at once',
    preset: '50/100',
  },
  kubernetes: {
    value: 'KUBECONFIG|in-cluster',
    text: 'follow the cluster of this node: names, labels, NetworkPolicies',
  },
  'node-name': { value: 'NAME', text: 'name of this node in the cluster [the host’s name]' },
  observe: {
    value: 'MODE',
    text: 'pods of others: counted by programs, by statistics (nothing is attached), or off',
    preset: 'programs',
  },
  'cri-socket': {
    value: 'PATHS',
    text: 'sockets of CRI runtimes, with commas between them, or none',
    preset: defaultRuntimePaths.cri.join(','),
  },
  'docker-socket': {
    value: 'PATHS',
    text: 'socket of Docker, or none',
    preset: defaultRuntimePaths.docker.join(','),
  },
  'podman-socket': {
    value: 'PATHS',
    text: 'socket of Podman, or none',
    preset: defaultRuntimePaths.podman.join(','),
  },
  'cni-cache': {
    value: 'DIRS',
    text: 'folders of results that CNI runtimes keep, or none',
    preset: defaultRuntimePaths.cniCache.join(','),
  },
  environment: { value: 'native|guest', text: 'guest: the virtual machine of the lab', preset: 'native' },
  'log-level': { value: 'LEVEL', text: 'trace, debug, info, warn, error, fatal or silent', preset: 'info' },
  without: { value: 'NAMES', text: 'treat these kernel capabilities as missing: tcx,live-rename' },
  adopt: { text: 'read pods and rules that the database does not know back from the kernel' },
  reset: { text: 'remove all devices, programs and rules of these pins, then start empty' },
  lab: { text: 'accept reports of the lab’s traffic' },
} as const satisfies Record<string, OptionText>;
type OptionName = keyof typeof options;
const optionTexts: Record<OptionName, OptionText> = options;

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const environments = ['native', 'guest'] as const;

export interface AgentConfig {
  socket: string;
  socketGid: number | null;
  /** Unix socket for the CNI plugin; the folder of deletions that are left for the agent is beside it. */
  cniSocket: string;
  /** TCP address and token of the API; null if the agent does not listen on TCP. */
  listen: { host: string; port: number; token: string } | null;
  database: string;
  pins: string;
  /** Folder of the CNI configurations. */
  cniConfig: string;
  /** Directory of the public keys that BPF builds may be signed with; null if only the installed build may run. */
  trust: string | null;
  maxSlots: number;
  /** Maximum number of entries in the connection table of the access rules. */
  connections: number;
  timeouts: ConntrackTimeouts;
  /** Time in ms to learn existing connections in, before the first access rules are enforced. */
  learnMs: number;
  /** Maximum rate of reported verdicts per device. */
  verdictRate: { perSecond: number; burst: number };
  /** How to reach the API server of the cluster, and the name of the node there; null if it follows none. */
  kubernetes: { source: string; node: string } | null;
  /** How pods of others are observed. */
  observe: ObserveMode;
  /** Sockets and folders of container runtimes to look at. */
  runtimes: RuntimePaths;
  environment: (typeof environments)[number];
  logLevel: (typeof logLevels)[number];
  /** What to do with kernel state that the database does not know. */
  unknownState: 'refuse' | 'adopt' | 'reset';
  /** Kernel capabilities that the agent treats as missing. */
  without: KernelCapabilityName[];
  lab: boolean;
}

export const agentHelpText = `usage: node server/main.ts [options]

The agent of a node: manages the network devices of its pods. Needs root.

${Object.entries(optionTexts)
  .map(([name, { value, text, preset }]) => {
    const flag = `--${name}${value === undefined ? '' : ` ${value}`}`;
    return `  ${flag.padEnd(28)}${text}${preset === undefined ? '' : ` [${preset}]`}`;
  })
  .join('\n')}
  --help                      this text

Each option can also be set in the environment: --max-slots as PODLANE_MAX_SLOTS, --lab as PODLANE_LAB=1; --adopt and
--reset can not, since they are for one start.
`;

const helpHint = 'node server/main.ts --help lists the options';

/**
 * Reads the agent's configuration: flags first, then PODLANE_* of the environment, then defaults.
 * @returns `'help'` when --help is given
 * @throws ProblemError `bad_request`, whose `errors` name each invalid flag and the reason
 */
export function readAgentConfig(
  args: string[],
  env: Record<string, string | undefined>,
): AgentConfig | 'help' {
  const flags = readFlags(args);
  if (flags.help === true) return 'help';
  const errors: { path: string; message: string }[] = [];
  const text = (name: OptionName) => {
    const given = flags[name] ?? (env[variable(name)] || undefined);
    return typeof given === 'string' ? given : optionTexts[name].preset;
  };
  /** Parses the value of an option. @returns null if the option is not set or is invalid; an invalid option also adds to `errors` */
  const read = <T>(name: OptionName, parse: (text: string) => T): T | null => {
    const value = text(name);
    if (value === undefined) return null;
    try {
      return parse(value);
    } catch (error) {
      const source = flags[name] === undefined && env[variable(name)] ? variable(name) : `--${name}`;
      errors.push({ path: source, message: `${JSON.stringify(value)}: ${(error as Error).message}` });
      return null;
    }
  };
  const address = read('listen', parseListen);
  const token = read('token-file', readToken);
  if (address !== null && text('token-file') === undefined)
    errors.push({ path: '--listen', message: 'requires --token-file, because other hosts can reach it' });
  if (flags.adopt === true && flags.reset === true)
    errors.push({ path: '--reset', message: 'excludes --adopt: choose one of them' });
  const socket = read('socket', parseSocket);
  const cniSocket = read('cni-socket', parseSocket);
  const database = read('database', nonEmpty);
  const pins = read('pins', nonEmpty);
  // Interface indexes of primaries and peers start at 2^20, two for a slot, and must stay below 2^31.
  const maxSlots = read('max-slots', (value) => integer(value, 1, 1_000_000));
  const connections = read('connections', (value) => integer(value, 1024, 16_777_216));
  const learnSeconds = read('learn', (value) => integer(value, 0, 60));
  const verdictRate = read('verdict-rate', parseRate);
  const observe = read('observe', oneOf(observeModeSchema.options));
  const runtimes = {
    cri: read('cri-socket', parseSockets) ?? [],
    docker: read('docker-socket', parseSockets) ?? [],
    podman: read('podman-socket', parseSockets) ?? [],
    cniCache: read('cni-cache', parsePaths) ?? [],
  };
  const environment = read('environment', oneOf(environments));
  const kubernetes = read('kubernetes', nonEmpty);
  const node = read('node-name', parseNodeName) ?? hostname().toLowerCase();
  if (kubernetes === null && text('node-name') !== undefined)
    errors.push({ path: '--node-name', message: 'requires --kubernetes' });
  const logLevel = read('log-level', oneOf(logLevels));
  const optional = {
    socketGid: read('socket-gid', (value) => integer(value, 0, 2 ** 32 - 2)),
    listen: address === null ? null : { ...address, token: token ?? '' },
    cniConfig: read('cni-config', nonEmpty) ?? defaultCniConfigFolder,
    kubernetes: kubernetes === null ? null : { source: kubernetes, node },
    trust: read('trust', nonEmpty),
    timeouts: read('timeouts', parseConntrackTimeouts) ?? defaultConntrackTimeouts,
    without:
      read('without', (value) => value.split(',').map(oneOf(kernelCapabilityNameSchema.options))) ?? [],
    unknownState:
      flags.reset === true
        ? ('reset' as const)
        : flags.adopt === true
          ? ('adopt' as const)
          : ('refuse' as const),
    lab: flags.lab === true || ['1', 'true'].includes(env.PODLANE_LAB ?? ''),
  };
  if (
    errors.length > 0 ||
    socket === null ||
    database === null ||
    pins === null ||
    maxSlots === null ||
    connections === null ||
    learnSeconds === null ||
    verdictRate === null ||
    observe === null ||
    environment === null ||
    logLevel === null
  ) {
    const detail = errors.map(({ path, message }) => `${path} ${message}`).join('\n');
    throw new ProblemError('bad_request', detail, { hint: helpHint, errors });
  }
  return {
    ...optional,
    socket,
    cniSocket: cniSocket ?? join(dirname(socket), 'cni.sock'),
    database,
    pins,
    maxSlots,
    connections,
    learnMs: learnSeconds * 1000,
    verdictRate,
    observe,
    runtimes,
    environment,
    logLevel,
  };
}

const variable = (name: OptionName) => `PODLANE_${name.toUpperCase().replaceAll('-', '_')}`;

function readFlags(args: string[]): Partial<Record<OptionName | 'help', string | boolean>> {
  const flags = Object.entries(optionTexts).map(([name, { value }]) => [
    name,
    { type: value === undefined ? 'boolean' : 'string' } as const,
  ]);
  try {
    return parseArgs({
      args,
      options: { ...Object.fromEntries(flags), help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    throw new ProblemError('bad_request', (error as Error).message, {
      cause: error,
      hint: helpHint,
    });
  }
}

function nonEmpty(text: string): string {
  if (text === '' || text.includes('\0')) throw new Error('not a path');
  return text;
}

function parseNodeName(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(text))
    throw new Error('expected the name of a node: lowercase letters, digits, - and .');
  return text;
}

/** Parses absolute paths with commas between them; `none` for no path. */
function parsePaths(text: string): string[] {
  if (text === 'none') return [];
  return text.split(',').map((path) => {
    if (!isAbsolute(nonEmpty(path))) throw new Error(`${JSON.stringify(path)} is not an absolute path`);
    return path;
  });
}

function parseSocket(text: string): string {
  // sun_path of unix(7) has 108 bytes, the terminating zero included. Node truncates a longer path silently.
  if (Buffer.byteLength(nonEmpty(text)) > 107)
    throw new Error('longer than 107 bytes, the limit of a socket’s path');
  return text;
}

const parseSockets = (text: string): string[] => parsePaths(text).map(parseSocket);

function parseRate(text: string): AgentConfig['verdictRate'] {
  const [rate = '', burst = rate, ...more] = text.split('/');
  if (more.length > 0) throw new Error('expected N or N/BURST');
  return { perSecond: integer(rate, 1, 100_000), burst: integer(burst, 1, 100_000) };
}

function integer(text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new Error(`expected a whole number from ${least} to ${most}`);
  return value;
}

const oneOf =
  <T extends string>(allowed: readonly T[]) =>
  (text: string): T => {
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw new Error(`expected one of ${allowed.join(', ')}`);
    return found;
  };

function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65535)
    throw new Error('expected HOST:PORT, e.g. 127.0.0.1:7481 or [::1]:7481');
  return { host, port: Number(port) };
}

function readToken(file: string): string {
  const token = readFileSync(nonEmpty(file), 'utf8').trim();
  if (!/^[\x21-\x7e]{16,512}$/.test(token))
    throw new Error('the file must contain 16 to 512 printable characters without spaces');
  return token;
}
