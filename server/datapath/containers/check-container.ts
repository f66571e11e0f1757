import type { CniResult } from '../../../contract/cni-result.ts';
import type { ConditionReason } from '../../../contract/condition.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { openNetworkNamespace } from '../../kernel/netns.ts';
import { getLink } from '../../netlink/link.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';
import { readConsistently } from '../pods/consistent-read.ts';
import { detectPodDrift } from '../reconcile/reconcile-pod.ts';

/** Faults without which a container is reachable. Others than these may be the work of a later plugin. */
const faults: ReadonlySet<ConditionReason> = new Set([
  'address_missing',
  'device_missing',
  'forwarding_off',
  'link_down',
  'programs_missing',
  'route_missing',
]);

/**
 * Checks that a pod has what its result says, and is reachable.
 * @throws ProblemError `check_failed` with every fault
 */
export async function checkContainer(
  context: DatapathContext,
  pod: LivePod,
  previous: CniResult,
): Promise<void> {
  const found = [...comparePrevious(pod, previous), ...(await findFaults(context, pod))];
  if (found.length === 0) return;
  throw new ProblemError('check_failed', `check ${formatPodName(pod)}: ${found.join('; ')}`, {
    hint: 'The agent repairs what it can within seconds.',
  });
}

/** Compares the pod with the result that the runtime kept of its ADD. */
function comparePrevious({ record }: LivePod, { interfaces, ips }: CniResult): string[] {
  const { interface: name, addresses } = record.network;
  const index = interfaces.findIndex((each) => each.name === name && each.sandbox);
  if (interfaces.length > 0 && index < 0) return [`the previous result has no interface ${name}`];
  const own = addresses.map(stripPrefixLength);
  return ips
    .filter((ip) => ip.interface === undefined || ip.interface === index)
    .map(({ address }) => stripPrefixLength(address))
    .filter((address) => !own.includes(address))
    .map((address) => `the previous result has the address ${address}, and the pod has ${own.join(', ')}`);
}

async function findFaults(context: DatapathContext, pod: LivePod): Promise<string[]> {
  // Both devices of a migration have the pod's addresses; it verifies itself.
  if (pod.activity.type === 'migrating') return [];
  try {
    const drift = await readConsistently(pod, async () => {
      using namespace = openPodNamespace(pod);
      return await detectPodDrift(context, pod, namespace);
    });
    return drift.filter(({ reason }) => faults.has(reason)).map(({ message }) => message);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'pod_gone') return [error.message];
    throw error;
  }
}

/** Checks that an interface of another plugin is still there. @throws ProblemError `check_failed` */
export async function checkForeignInterface(netns: string, name: string): Promise<void> {
  using namespace = openNetworkNamespace(netns);
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  if ((await getLink(socket, { name })) === null)
    throw new ProblemError('check_failed', `check ${netns}: it has no interface ${name}`);
}
