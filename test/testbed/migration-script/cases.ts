import type { DeviceKind } from '../../../contract/device.ts';
import type { NewPodInput } from '../../../contract/pod.ts';
import { SeededRandom } from '../random.ts';

/** A pod in some state, and the kind of device that it is to move to. */
export interface ScriptCase {
  name: string;
  pod: Partial<NewPodInput> & { addresses: string[]; kind: DeviceKind; interface: string };
  /** Attach fallback: the programs of a netkit device are on its primary's own hooks. */
  programsOnPrimary: boolean;
  to: DeviceKind;
  /** `ip` commands in the pod, after it was attached. */
  podCommands: string[][];
  /** `ip` commands on the host; PRIMARY stands for the device. */
  hostCommands: string[][];
  foreign: { direction: 'egress' | 'ingress'; order: 'first' | 'last'; result: number }[];
  users: { direction: 'egress' | 'ingress'; place: 'before' | 'after' }[];
}

/** Kinds and modes that cases move between; with netkit only where the kernel has it. */
export interface Moves {
  from: DeviceKind;
  to: DeviceKind;
  mode?: 'l2' | 'l3';
  programsOnPrimary?: boolean;
}

/** Generates cases that differ in families, addresses, routes, MTU, names and programs; each has addresses of its own. */
export function generateCases(count: number, seed: number, moves: readonly Moves[]): ScriptCase[] {
  const random = new SeededRandom(seed);
  const upTo = (most: number): number => random.between(0, most);
  const one = <T>(values: readonly T[]): T => random.one(values);
  return Array.from({ length: count }, (_, index): ScriptCase => {
    const move = moves[index % moves.length];
    if (!move) throw new Error('no moves');
    // Families take turns, so that a few cases have them all: both, IPv4, both, IPv6.
    const [has4, has6] = [index % 4 !== 3, index % 4 !== 1];
    const ipv4 = has4 ? Array.from({ length: 1 + upTo(2) }, (_, n) => `10.42.${index}.${n + 1}/32`) : [];
    const ipv6 = has6 ? Array.from({ length: 1 + upTo(2) }, (_, n) => `fd42:${index}::${n + 1}/128`) : [];
    const name = one(['eth0', 'eth0', 'net.1', "e'th$0"]);
    const mtu = one([1500, 1400, 9000]);
    const podCommands: string[][] = [];
    const hostCommands: string[][] = [];
    const routes: NonNullable<NewPodInput['routes']> = [];
    const [first4, first6] = [ipv4[0]?.split('/')[0], ipv6[0]?.split('/')[0]];
    if (first4 !== undefined) {
      if (upTo(1)) routes.push({ destination: '10.60.0.0/16', metric: 1 + upTo(200), mtu: 1300 });
      if (upTo(1)) podCommands.push(['address', 'add', `10.42.${index}.99/32`, 'dev', name]);
      if (upTo(1))
        podCommands.push(
          ['route', 'add', '10.99.0.0/16', 'via', '169.254.1.1', 'dev', name, 'onlink', 'metric', '50'],
          [
            'route',
            'add',
            '10.98.0.0/24',
            'via',
            '169.254.1.1',
            'dev',
            name,
            'onlink',
            'src',
            first4,
            'mtu',
            'lock',
            '1280',
          ],
          ['route', 'add', '10.97.0.0/24', 'tos', '0x10', 'dev', name, 'scope', 'link', 'proto', 'static'],
        );
      if (upTo(1))
        hostCommands.push(['route', 'add', `10.200.${index}.0/24`, 'dev', 'PRIMARY', 'advmss', '1200']);
    }
    if (first6 !== undefined) {
      if (upTo(1)) routes.push({ destination: 'fd60::/48', mtu: 1290 });
      if (upTo(1)) podCommands.push(['address', 'add', `fd42:${index}::99/128`, 'dev', name, 'nodad']);
      if (upTo(1))
        podCommands.push(
          ['-6', 'route', 'add', 'fd99::/64', 'via', 'fe80::1', 'dev', name, 'metric', '77', 'mtu', '1285'],
          ['-6', 'route', 'add', 'fd98::/64', 'dev', name, 'src', first6, 'pref', 'high'],
        );
      if (upTo(1))
        hostCommands.push(['-6', 'route', 'add', `fd20:${index}::/64`, 'dev', 'PRIMARY', 'metric', '5']);
    }
    return {
      name: `${index}: ${move.mode ?? ''} ${move.from}${move.programsOnPrimary ? ' with programs on the primary' : ''} to ${move.to}, ${[...ipv4, ...ipv6].length} addresses, MTU ${mtu}, interface ${name}`,
      pod: {
        addresses: [...ipv4, ...ipv6],
        routes,
        interface: name,
        mtu,
        kind: move.from,
        ...(move.mode === undefined
          ? {}
          : {
              netkit: {
                mode: move.mode,
                policy: { primary: 'forward', peer: one(['blackhole', 'forward']) },
                scrub: one([
                  { primary: 'default', peer: 'default' },
                  { primary: 'none', peer: 'default' },
                ]),
              },
            }),
        ...(upTo(2) === 0
          ? {
              macs: { primary: `02:00:00:00:${hexByte(index)}:01`, peer: `02:00:00:00:${hexByte(index)}:02` },
            }
          : {}),
      },
      programsOnPrimary: move.programsOnPrimary === true,
      to: move.to,
      podCommands,
      hostCommands,
      // Values that no hook knows: the verdict is another program's.
      foreign: Array.from({ length: upTo(3) }, (_, n) => ({
        direction: one(['egress', 'ingress'] as const),
        order: one(['first', 'last'] as const),
        result: -100 - n,
      })),
      users:
        upTo(2) === 0
          ? [{ direction: one(['egress', 'ingress'] as const), place: one(['before', 'after'] as const) }]
          : [],
    };
  });
}

const hexByte = (value: number): string => (value & 0xff).toString(16).padStart(2, '0');
