import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** Pings an address from a namespace until it is stopped. */
export interface Pinger {
  readonly family: 'ipv4' | 'ipv6';
  /** `host to pod, ipv4` */
  readonly name: string;
  /** Requests that went unanswered although a later one was answered. */
  readonly lost: number;
  readonly replies: number;
  /** When replies came after lost requests: milliseconds since the epoch. */
  readonly lostBefore: readonly number[];
  /** Whether two more replies come within `limitMs`. */
  flows(limitMs: number): Promise<boolean>;
  stop(): Promise<void>;
}

/** @param source address of the namespace to ping from; default the kernel's choice */
export function startPinger(
  name: string,
  netns: string,
  address: string,
  intervalMs: number,
  source?: string,
): Pinger {
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const args = [
    '-n',
    ...(source === undefined ? [] : ['-I', source]),
    '-i',
    String(intervalMs / 1000),
    address,
  ];
  const child = spawn('nsenter', [`--net=${netns}`, 'ping', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  let last = 0;
  let replies = 0;
  let lost = 0;
  const lostBefore: number[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const sequence = Number(/bytes from .* icmp_seq=(\d+)/.exec(line)?.[1] ?? Number.NaN);
    if (Number.isNaN(sequence)) return;
    replies += 1;
    // Sixteen bits, and answers may come in another order.
    const step = (sequence - last) & 0xffff;
    if (step > 0x8000) lost -= 1;
    else {
      if (last !== 0 && step > 1) {
        lost += step - 1;
        lostBefore.push(Date.now());
      }
      last = sequence;
    }
  });
  return {
    family,
    name: `${name}, ${family}`,
    get lost() {
      return lost;
    },
    get replies() {
      return replies;
    },
    lostBefore,
    async flows(limitMs) {
      const before = replies;
      const deadline = performance.now() + limitMs;
      while (replies < before + 2 && performance.now() < deadline) await sleep(2);
      return replies >= before + 2;
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
