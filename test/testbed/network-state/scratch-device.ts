import { randomBytes } from 'node:crypto';
import { createNamedNamespace, deleteNamedNamespace } from '../../../server/kernel/netns.ts';
import { applyCommands, type DeviceNames } from './apply.ts';
import { type DeviceEnd, linesOf } from './element.ts';
import type { GeneratedState } from './generate.ts';
import { NamespaceShell } from './namespace-shell.ts';

/** A veth pair between two namespaces of its own, addressed and routed as a pod's is, without an agent. */
export class ScratchDevice implements AsyncDisposable {
  readonly names: DeviceNames = {
    device: { pod: 'eth0', host: 'pl0' },
    ipv4: '10.42.0.2',
    ipv6: 'fd42::2',
  };
  readonly shells: Record<DeviceEnd, NamespaceShell>;
  readonly #namespaces: string[];

  private constructor(namespaces: string[], shells: Record<DeviceEnd, NamespaceShell>) {
    this.#namespaces = namespaces;
    this.shells = shells;
  }

  static async open(): Promise<ScratchDevice> {
    const id = `podlane-t-${randomBytes(3).toString('hex')}`;
    const namespaces = [`${id}-host`, `${id}-pod`];
    const [host = '', pod = ''] = namespaces.map((name) => createNamedNamespace(name));
    const device = new ScratchDevice(namespaces, {
      pod: new NamespaceShell(pod),
      host: new NamespaceShell(host),
    });
    const { ipv4, ipv6 } = device.names;
    const ip = linesOf('ip');
    await applyCommands(
      device.shells.host,
      ip(
        'link set lo up',
        'address add 192.0.2.1/32 dev lo',
        'address add fd00:192::1/128 dev lo',
        `link add DEV index 1048576 address 02:00:00:00:00:01 type veth peer name eth0 index 1048577 address 02:00:00:00:00:02 netns ${id}-pod`,
        'link set DEV up',
        'address add fe80::1/64 dev DEV nodad',
      ),
      'host',
      device.names,
    );
    await applyCommands(
      device.shells.pod,
      ip(
        'link set lo up',
        'link set DEV up',
        `address add ${ipv4}/32 dev DEV`,
        `address add ${ipv6}/128 dev DEV nodad`,
        'route add default via 169.254.1.1 dev DEV onlink',
        'route add ::/0 via fe80::1 dev DEV',
      ),
      'pod',
      device.names,
    );
    await applyCommands(
      device.shells.host,
      ip(`route add ${ipv4} dev DEV`, `route add ${ipv6} dev DEV`),
      'host',
      device.names,
    );
    return device;
  }

  async apply({ commands }: Pick<GeneratedState, 'commands'>): Promise<void> {
    await applyCommands(this.shells.pod, commands.pod, 'pod', this.names);
    await applyCommands(this.shells.host, commands.host, 'host', this.names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shells.pod[Symbol.asyncDispose]();
    await this.shells.host[Symbol.asyncDispose]();
    this.#namespaces.forEach(deleteNamedNamespace);
  }
}
