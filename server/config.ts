import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type CapabilityName, capabilityName } from '../contract/node.ts';
import { ProblemError } from '../contract/problem.ts';
import { type ConntrackTimeouts, defaultTimeouts, parseTimeouts } from './acl/load/conntrack-timeouts.ts';

const options = {
  socket: ['PATH', 'Unix socket to answer on', '/run/podlane/agent.sock'],
  'socket-gid': ['GID', 'group that may use the socket besides root', undefined],
  listen: ['HOST:PORT', 'answer on TCP too; asks for --token-file', undefined],
  'token-file': ['PATH', 'file with the bearer token that callers over TCP must bring', undefined],
  database: ['PATH', 'SQLite file that stores names, history and journals', '/var/lib/podlane/podlane.db'],
  pins: ['DIR', 'where programs, maps and links are pinned, in a bpf file system', '/sys/fs/bpf/podlane'],
  trust: ['DIR', 'public keys, NAME.pem, whose builds of the datapath may be run', undefined],
  'max-slots': ['N', 'devices that can be counted at one time', '2048'],
  connections: ['N', 'connections that access rules remember', '65536'],
  timeouts: ['LIST', 'seconds that connections are remembered for: udp=60/300,tcp=120/7440/60', undefined],
  'verdict-rate': ['N[/BURST]', 'verdicts told per second and device, and at once', '50/100'],
  environment: ['native|guest', 'guest: this is the virtual machine of the lab', 'native'],
  'log-level': ['LEVEL', 'trace, debug, info, warn, error, fatal or silent', 'info'],
  without: ['NAMES', 'do as if the kernel lacked these capabilities: tcx,live-rename', undefined],
  lab: [undefined, 'take reports of the lab’s traffic', undefined],
} as const satisfies Record<
  string,
  readonly [value: string | undefined, text: string, preset: string | undefined]
>;
type Option = keyof typeof options;

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const environments = ['native', 'guest'] as const;

export interface Config {
  socket: string;
  socketGid: number | null;
  /** Null: no TCP. */
  listen: { host: string; port: number; token: string } | null;
  database: string;
  pins: string;
  /** Folder of the keys that builds are signed by; null: only the installed build may run. */
  trust: string | null;
  maxSlots: number;
  /** That access rules remember. */
  connections: number;
  timeouts: ConntrackTimeouts;
  /** Of each device. */
  verdictRate: { perSecond: number; burst: number };
  environment: (typeof environments)[number];
  logLevel: (typeof logLevels)[number];
  without: CapabilityName[];
  lab: boolean;
}

export const help = `usage: node server/main.ts [options]

The agent of a node: keeps its pods' devices and answers for them. Needs root.

${Object.entries(options)
  .map(([name, [value, text, preset]]) => {
    const flag = `--${name}${value === undefined ? '' : ` ${value}`}`;
    return `  ${flag.padEnd(28)}${text}${preset === undefined ? '' : ` [${preset}]`}`;
  })
  .join('\n')}
  --help                      this text

Each option can be given by the environment instead: --max-slots as PODLANE_MAX_SLOTS, --lab as PODLANE_LAB=1.
`;

/**
 * Reads the agent's configuration: flags, then the environment's PODLANE_*, then defaults.
 * @returns `'help'` when it was asked for
 * @throws ProblemError `bad_request`, `errors` naming each flag and what is wrong with it
 */
export function readConfig(args: string[], env: Record<string, string | undefined>): Config | 'help' {
  const flags = readFlags(args);
  if (flags.help === true) return 'help';
  const errors: { path: string; message: string }[] = [];
  const text = (name: Option) => {
    const given = flags[name] ?? (env[variable(name)] || undefined);
    return typeof given === 'string' ? given : options[name][2];
  };
  const read = <T>(name: Option, parse: (text: string) => T): T | null => {
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
    errors.push({ path: '--listen', message: 'TCP is open to others: give --token-file too' });
  const config = {
    socket: read('socket', parseSocket)!,
    socketGid: read('socket-gid', (value) => integer(value, 0, 2 ** 32 - 2)),
    listen: address === null ? null : { ...address, token: token ?? '' },
    database: read('database', nonEmpty)!,
    pins: read('pins', nonEmpty)!,
    trust: read('trust', nonEmpty),
    // The peers' and primaries' indexes go up from 2^20, two for a slot, and must stay below 2^31.
    maxSlots: read('max-slots', (value) => integer(value, 1, 1_000_000))!,
    connections: read('connections', (value) => integer(value, 1024, 16_777_216))!,
    timeouts: read('timeouts', parseTimeouts) ?? defaultTimeouts,
    verdictRate: read('verdict-rate', parseRate)!,
    environment: read('environment', oneOf(environments))!,
    logLevel: read('log-level', oneOf(logLevels))!,
    without: read('without', (value) => value.split(',').map(oneOf(capabilityName.options))) ?? [],
    lab: flags.lab === true || ['1', 'true'].includes(env.PODLANE_LAB ?? ''),
  };
  if (errors.length === 0) return config;
  throw new ProblemError('bad_request', errors.map(({ path, message }) => `${path} ${message}`).join('\n'), {
    hint: 'node server/main.ts --help lists the options',
    errors,
  });
}

const variable = (name: Option) => `PODLANE_${name.toUpperCase().replaceAll('-', '_')}`;

function readFlags(args: string[]): Partial<Record<Option | 'help', string | boolean>> {
  const flags = Object.entries(options).map(([name, [value]]) => [
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
      hint: 'node server/main.ts --help lists the options',
    });
  }
}

function nonEmpty(text: string): string {
  if (text === '' || text.includes('\0')) throw new Error('not a path');
  return text;
}

function parseSocket(text: string): string {
  // sun_path of unix(7): 108 bytes with the terminating zero. Node would cut a longer one silently.
  if (Buffer.byteLength(nonEmpty(text)) > 107)
    throw new Error('longer than the 107 bytes of a socket’s path');
  return text;
}

function parseRate(text: string): Config['verdictRate'] {
  const [rate = '', burst = rate, ...more] = text.split('/');
  if (more.length > 0) throw new Error('not N or N/BURST');
  return { perSecond: integer(rate, 1, 100_000), burst: integer(burst, 1, 100_000) };
}

function integer(text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new Error(`not a whole number from ${least} to ${most}`);
  return value;
}

const oneOf =
  <T extends string>(allowed: readonly T[]) =>
  (text: string): T => {
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw new Error(`not one of ${allowed.join(', ')}`);
    return found;
  };

function parseListen(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65535)
    throw new Error('not HOST:PORT, e.g. 127.0.0.1:7481 or [::1]:7481');
  return { host, port: Number(port) };
}

function readToken(file: string): string {
  const token = readFileSync(nonEmpty(file), 'utf8').trim();
  if (!/^[\x21-\x7e]{16,512}$/.test(token))
    throw new Error('the file must hold 16 to 512 printable characters and no spaces');
  return token;
}
