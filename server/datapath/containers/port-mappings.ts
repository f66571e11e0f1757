import { isIP } from 'node:net';
import type { PortMapping } from '../../../contract/cni-config.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { Mutex } from '../../async/mutex.ts';
import { commitNetfilterChanges, netfilterSubsystems } from '../../netlink/netfilter-message.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import type { LivePod, PodRegistry } from '../pod-registry.ts';
import { buildPortMappingTable, type MappedAddress, portMappingsOverlap } from './port-mapping-table.ts';

/**
 * Ports of the node that lead to containers, where the plugin itself was given the capability `portMappings`. One nftables
 * table has all of them and is made anew with each change, so that it is always what the pods' records say.
 */
export class PortMappings {
  readonly #registry: PodRegistry;
  readonly #changes = new Mutex();

  constructor(registry: PodRegistry) {
    this.#registry = registry;
  }

  /** Checks that the ports of a new container are free. @throws ProblemError `port_in_use`, `unprocessable` */
  check(wanted: readonly PortMapping[]): void {
    for (const mapping of wanted)
      if (mapping.hostIP !== '' && isIP(mapping.hostIP) === 0)
        throw new ProblemError(
          'unprocessable',
          `map port ${mapping.hostPort}: hostIP ${mapping.hostIP} is no address`,
        );
    for (const pod of this.#registry.all())
      for (const taken of pod.container?.portMappings ?? []) {
        const mapping = wanted.find((each) => portMappingsOverlap(each, taken));
        if (mapping !== undefined)
          throw new ProblemError(
            'port_in_use',
            `map port ${mapping.hostPort}/${mapping.protocol} of the node: ${pod.record.namespace}/${pod.record.name} has it`,
            { hint: 'Choose another hostPort, or remove that container.' },
          );
      }
  }

  /** Writes the mappings of all pods except `leaving`. @throws NetlinkError */
  write(leaving?: LivePod): Promise<void> {
    return this.#changes.run(async () => {
      const changes = buildPortMappingTable(
        this.#registry
          .all()
          .filter((pod) => pod !== leaving)
          .flatMap(listMappedAddresses),
      );
      using socket = NetlinkSocket.open('netfilter');
      await commitNetfilterChanges(socket, { subsystem: netfilterSubsystems.nftables, changes });
    });
  }
}

/** Lists the first address of each family of a pod with its mappings. */
function listMappedAddresses({ container, record }: LivePod): MappedAddress[] {
  if (container === null || container.portMappings.length === 0) return [];
  const addresses = record.network.addresses.map(stripPrefixLength);
  const first = [false, true].flatMap((six) => addresses.find((each) => each.includes(':') === six) ?? []);
  return first.map((address) => ({ address, mappings: container.portMappings }));
}
