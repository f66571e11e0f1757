import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { InterfaceNameAndIndex } from '../../../server/datapath/migration/interface-rules/evaluate-conditions.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { type TestNamespace, testNamespace } from '../netlink/namespaces.ts';

/** A pod's namespace with its device `eth0` and a second one, each connected to the namespace `outside`. */
export interface FirewallFixture extends Disposable {
  pod: TestNamespace;
  outside: TestNamespace;
  device: InterfaceNameAndIndex;
  other: InterfaceNameAndIndex;
  /** Runs a command in the pod. @returns its standard output */
  run(command: string, ...args: string[]): string;
  /** Loads a rule set into the pod's namespace. */
  load(rules: string): void;
  /** Lists the pod's rule set without the state of counters and limits. */
  list(): string;
}

/** Addresses of the pod on its two devices and of the outside, by device. */
export const addresses = {
  device: { pod: '10.9.0.2', outside: '10.9.0.1', pod6: 'fd09::2', outside6: 'fd09::1' },
  other: { pod: '10.9.1.2', outside: '10.9.1.1', pod6: 'fd09:1::2', outside6: 'fd09:1::1' },
} as const;

export function firewallFixture(otherName = 'tmp7'): FirewallFixture {
  const pod = testNamespace();
  const outside = testNamespace();
  const identity = (name: string): InterfaceNameAndIndex => ({
    name,
    ifindex: pod.json('link', 'show', 'dev', name)[0].ifindex,
  });
  for (const [name, far, { pod: near, outside: remote, pod6, outside6 }] of [
    ['eth0', 'x0', addresses.device],
    [otherName, 'x1', addresses.other],
  ] as const) {
    outside.ip('link', 'add', far, 'type', 'veth', 'peer', 'name', name, 'netns', pod.name);
    outside.ip('addr', 'add', `${remote}/24`, 'dev', far);
    outside.ip('addr', 'add', `${outside6}/64`, 'dev', far, 'nodad');
    outside.ip('link', 'set', far, 'up');
    pod.ip('addr', 'add', `${near}/24`, 'dev', name);
    pod.ip('addr', 'add', `${pod6}/64`, 'dev', name, 'nodad');
    pod.ip('link', 'set', name, 'up');
  }
  pod.ip('link', 'set', 'lo', 'up');
  const run = (command: string, ...args: string[]): string =>
    execFileSync('ip', ['netns', 'exec', pod.name, command, ...args], { encoding: 'utf8', stdio: 'pipe' });
  return {
    pod,
    outside,
    device: identity('eth0'),
    other: identity(otherName),
    run,
    load: (rules) =>
      void execFileSync('ip', ['netns', 'exec', pod.name, 'nft', '-f', '-'], { input: rules, stdio: 'pipe' }),
    list: () => run('nft', '-s', 'list', 'ruleset'),
    [Symbol.dispose]() {
      pod[Symbol.dispose]();
      outside[Symbol.dispose]();
    },
  };
}

/** Tests whether pings from the outside to an address of the pod are replied to. */
export function isReachable({ outside }: FirewallFixture, address: string): boolean {
  try {
    execFileSync('ip', ['netns', 'exec', outside.name, 'ping', '-n', '-c1', '-W1', address], {
      stdio: 'pipe',
    });
    return true;
  } catch {
    return false;
  }
}

/** A UDP socket in a namespace, which collects what it receives. */
export async function udpSocket(namespace: TestNamespace, address: string, port: number) {
  const family = address.includes(':') ? 6 : 4;
  // With the address resolved at once the socket is bound synchronously, in the namespace.
  const socket = createSocket({
    type: `udp${family}`,
    lookup: (host, _, callback) => callback(null, host, family),
  });
  const received: string[] = [];
  socket.on('message', (message) => received.push(message.toString()));
  const listening = once(socket, 'listening');
  runInNetworkNamespace(namespace.fd, () => socket.bind({ address, port, exclusive: true }));
  await listening;
  const send = (text: string, to: [string, number]): Promise<Error | null> =>
    new Promise((resolve) => socket.send(text, to[1], to[0], (error) => resolve(error)));
  return { received, send, [Symbol.dispose]: () => socket.close() };
}
