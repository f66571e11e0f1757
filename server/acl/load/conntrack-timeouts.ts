import type { ConnectionState } from './kernel-rules.ts';

/** Rows of the programs' table of timeouts, in their order (enum podlane_timeouts, `bpf/rule-layout.h`). */
const kinds = ['tcp', 'udp', 'icmp', 'other'] as const;

/** Seconds after which a connection is forgotten when nothing more comes; up to one less by the programs' clock. */
export type Timeouts = Record<(typeof kinds)[number], Record<ConnectionState, number>>;

/**
 * As the protocols' authors ask of those that remember connections: TCP RFC 5382 (REQ-5), UDP RFC 4787 (REQ-5), ICMP
 * RFC 5508 (REQ-1).
 */
export const defaultTimeouts: Timeouts = {
  tcp: { unreplied: 120, replied: 7440, closing: 60 },
  udp: { unreplied: 60, replied: 300, closing: 60 },
  icmp: { unreplied: 60, replied: 60, closing: 60 },
  other: { unreplied: 60, replied: 600, closing: 60 },
};

const most = 30 * 86_400;

/**
 * `tcp=120/7440/60,udp=60/300`: unreplied, replied and closing of each kind that is named; the others keep their
 * defaults. @throws Error that says what is wrong
 */
export function parseTimeouts(text: string): Timeouts {
  const timeouts = structuredClone(defaultTimeouts);
  for (const part of text.split(',')) {
    const [name, list = ''] = part.split('=');
    const kind = kinds.find((kind) => kind === name);
    const seconds = list.split('/').map((value) => (/^\d{1,7}$/.test(value) ? Number(value) : Number.NaN));
    if (!kind) throw new Error(`${JSON.stringify(name)} is none of ${kinds.join(', ')}`);
    if (seconds.length > 3 || seconds.some((value) => !(value >= 1 && value <= most)))
      throw new Error(`${kind} wants up to three numbers of seconds from 1 to ${most}, as 60/300/60`);
    const [unreplied, replied, closing] = seconds;
    Object.assign(timeouts[kind], {
      unreplied,
      ...(replied === undefined ? {} : { replied }),
      ...(closing === undefined ? {} : { closing }),
    });
  }
  return timeouts;
}
