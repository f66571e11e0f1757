import { conntrackTimeoutKinds } from '../../bpf/rule-layout.ts';
import type { ConntrackState } from './kernel-rules.ts';

/** Seconds without packets after which a connection expires, by protocol and state; accurate to one second. */
export type ConntrackTimeouts = Record<
  (typeof conntrackTimeoutKinds)[number],
  Record<ConntrackState, number>
>;

/**
 * The RFCs' recommendations for middleboxes: TCP RFC 5382 (REQ-5), UDP RFC 4787 (REQ-5), ICMP RFC 5508 (REQ-1).
 */
export const defaultConntrackTimeouts: ConntrackTimeouts = {
  tcp: { unreplied: 120, replied: 7440, closing: 60 },
  udp: { unreplied: 60, replied: 300, closing: 60 },
  icmp: { unreplied: 60, replied: 60, closing: 60 },
  other: { unreplied: 60, replied: 600, closing: 60 },
};

const maxSeconds = 30 * 86_400;

/**
 * Parses `tcp=120/7440/60,udp=60/300`: seconds of the states unreplied, replied and closing. Protocols and states that
 * are not named keep their defaults. @throws Error
 */
export function parseConntrackTimeouts(text: string): ConntrackTimeouts {
  const timeouts = structuredClone(defaultConntrackTimeouts);
  for (const part of text.split(',')) {
    const [name, list = ''] = part.split('=');
    const kind = conntrackTimeoutKinds.find((kind) => kind === name);
    const seconds = list.split('/').map((value) => (/^\d{1,7}$/.test(value) ? Number(value) : Number.NaN));
    if (!kind) throw new Error(`${JSON.stringify(name)} is not one of ${conntrackTimeoutKinds.join(', ')}`);
    if (seconds.length > 3 || seconds.some((value) => !(value >= 1 && value <= maxSeconds)))
      throw new Error(
        `${kind} needs one to three numbers of seconds, each from 1 to ${maxSeconds}, for example 60/300/60`,
      );
    const [unreplied, replied, closing] = seconds;
    const defaults = timeouts[kind];
    timeouts[kind] = {
      unreplied: unreplied ?? defaults.unreplied,
      replied: replied ?? defaults.replied,
      closing: closing ?? defaults.closing,
    };
  }
  return timeouts;
}
