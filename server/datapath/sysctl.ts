import { readFileSync, writeFileSync } from 'node:fs';
import { withNamespace } from '../kernel/netns.ts';

/**
 * `net.*` sysctls of a namespace: /proc/sys/net shows the reader's own, hence the synchronous step into it.
 * `null` is the agent's namespace.
 */
export function readSysctl(namespace: number | null, name: string): string {
  return inside(namespace, () => readFileSync(file(name), 'latin1').trim());
}

/** Writes only where the value differs. */
export function writeSysctl(namespace: number | null, name: string, value: string): void {
  inside(namespace, () => {
    if (readFileSync(file(name), 'latin1').trim() !== value) writeFileSync(file(name), value);
  });
}

/** Names use `/`, since interface names may hold dots: `net/ipv4/conf/eth0.1/rp_filter`. */
const file = (name: string): string => `/proc/sys/${name}`;

const inside = <T>(namespace: number | null, act: () => T): T =>
  namespace === null ? act() : withNamespace(namespace, act);
