import { type Address, addressText, parseAddress } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { ExplainQuestion } from '../../../contract/rules.ts';
import type { Flow } from './explainer.ts';
import { ipProtocol } from '../spec/policy-packet.ts';
import type { AclPod } from '../spec/pod-selector.ts';

/**
 * The packet that is asked about. A pod stands for its first address of the family of both ends.
 * @param find a pod by id or `namespace.name`
 * @throws ProblemError `unprocessable` for an end that is no address and no pod, or ends of two families
 */
export function flowOf(question: ExplainQuestion, find: (pod: string) => AclPod | undefined): Flow {
  const { source, destination, protocol, port, icmp } = question;
  const from = addressesOf(source, find);
  const to = addressesOf(destination, find);
  const family = [4 as const, 6 as const].find((family) =>
    [from, to].every((end) => end.some((address) => address.family === family)),
  );
  if (family === undefined)
    throw new ProblemError(
      'unprocessable',
      `explain a packet from ${source} to ${destination}: one has no address of the other’s family`,
      { hint: 'Name two addresses, or pods, of one family.' },
    );
  const numbers = { ...ipProtocol, icmp: family === 4 ? ipProtocol.icmp : ipProtocol.icmpv6 };
  return {
    source: from.find((address) => address.family === family)!,
    destination: to.find((address) => address.family === family)!,
    protocol: typeof protocol === 'number' ? protocol : numbers[protocol],
    port: icmp ? (icmp.type << 8) | icmp.code : (port ?? 0),
  };
}

function addressesOf(end: string, find: (pod: string) => AclPod | undefined): Address[] {
  const pod = find(end);
  if (pod) return pod.addresses.map((address) => parseAddress(address.replace(/\/.*/, '')));
  try {
    return [parseAddress(end)];
  } catch {
    throw new ProblemError(
      'unprocessable',
      `explain a packet: ${JSON.stringify(end)} is no address, and no pod here`,
      {
        hint: 'Name an address without a length, or a pod as namespace.name.',
      },
    );
  }
}

/** As it is told back. */
export const flowText = ({ source, destination, protocol, port }: Flow) => ({
  source: addressText(source),
  destination: addressText(destination),
  protocol,
  port: ([ipProtocol.tcp, ipProtocol.udp, ipProtocol.sctp] as number[]).includes(protocol) ? port : null,
});
