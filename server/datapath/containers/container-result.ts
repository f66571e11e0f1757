import { isIpv6Text } from '../../../contract/cidr.ts';
import type { CniInterface, CniResult } from '../../../contract/cni-result.ts';
import { findGatewayForDestination, listPodGateways } from '../device/pod-gateways.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';

/** Builds the result of an ADD that attached a pod. @param netns path of the namespace as the runtime gave it */
export function buildContainerResult(pod: LivePod, netns: string): CniResult {
  const { network } = pod.record;
  return {
    interfaces: listInterfaces(pod, netns),
    ips: network.addresses.map((address) => ({
      address,
      gateway: findGatewayForDestination(address),
      interface: 1,
    })),
    routes: [
      ...listPodGateways(network).map((gw) => ({ dst: isIpv6Text(gw) ? '::/0' : '0.0.0.0/0', gw })),
      ...network.routes.map(({ destination, metric, mtu }) => ({
        dst: destination,
        gw: findGatewayForDestination(destination),
        ...(mtu === undefined ? {} : { mtu }),
        ...(metric === undefined ? {} : { priority: metric }),
      })),
    ],
    dns: pod.container?.dns ?? {},
  };
}

/**
 * Builds the result of an ADD that replaced the interface of an earlier plugin: of its result, what is about other
 * interfaces stays. @param replaced names of the interface and of its host end
 */
export function buildConvertedResult(
  pod: LivePod,
  netns: string,
  previous: CniResult,
  replaced: { hostEnd: string; interface: string },
): CniResult {
  const own = buildContainerResult(pod, netns);
  const isReplaced = ({ name, sandbox }: CniInterface): boolean =>
    sandbox ? name === replaced.interface : name === replaced.hostEnd;
  const kept = previous.interfaces.filter((each) => !isReplaced(each));
  return {
    interfaces: [...own.interfaces, ...kept],
    ips: [
      ...own.ips,
      ...previous.ips.flatMap((ip) => {
        const of = ip.interface === undefined ? undefined : previous.interfaces[ip.interface];
        if (of === undefined || isReplaced(of)) return [];
        return { ...ip, interface: own.interfaces.length + kept.indexOf(of) };
      }),
    ],
    routes: own.routes,
    dns: Object.keys(own.dns).length > 0 ? own.dns : previous.dns,
  };
}

function listInterfaces(pod: LivePod, sandbox: string): CniInterface[] {
  const { primaryName, primaryMac, peerMac } = getCurrentDevice(pod);
  const { interface: name, mtu } = pod.record.network;
  return [
    { name: primaryName, ...(primaryMac === null ? {} : { mac: primaryMac }), mtu },
    { name, ...(peerMac === null ? {} : { mac: peerMac }), mtu, sandbox },
  ];
}
