import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  createNamedNamespace,
  deleteNamedNamespace,
  openNetworkNamespace,
} from '../../../server/kernel/netns.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';

/** A network namespace of the test's own, with a socket in it, and `ip` in it to compare with. */
export interface TestNamespace extends Disposable {
  name: string;
  fd: number;
  socket: NetlinkSocket;
  /** Output of `ip -n NAME …`. */
  ip(...args: string[]): string;
  /** Runs lines of `ip -batch` in one process, while this one waits. */
  batch(lines: string[]): void;
  /** `ip -json -details -n NAME …`, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever iproute2 prints
  json(...args: string[]): any;
}

/** `using pod = testNamespace()`: gone when the test's block ends, also when it fails. */
export function testNamespace(): TestNamespace {
  const name = `podlane-t-${randomBytes(4).toString('hex')}`;
  const namespace = openNetworkNamespace(createNamedNamespace(name));
  const socket = NetlinkSocket.inNamespace(namespace.fd);
  const ip = (...args: string[]) => execFileSync('ip', ['-n', name, ...args], { encoding: 'utf8' });
  return {
    name,
    fd: namespace.fd,
    socket,
    ip,
    batch: (lines) =>
      execFileSync('ip', ['-n', name, '-batch', '-'], { input: `${lines.join('\n')}\n`, stdio: 'pipe' }),
    json: (...args) => JSON.parse(ip('-json', '-details', ...args)),
    [Symbol.dispose]() {
      socket.close();
      namespace.close();
      deleteNamedNamespace(name);
    },
  };
}
