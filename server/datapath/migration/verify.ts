import { setTimeout as sleep } from 'node:timers/promises';
import type { Direction } from '../../../contract/direction.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { counterIndex } from '../../bpf/counter-layout.ts';
import { peerIfindex, primaryIfindex } from '../../bpf/slot-layout.ts';
import { listAddresses } from '../../netlink/address.ts';
import { getLink } from '../../netlink/link.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import { type NetworkState, routeWithoutDevice } from '../device/network-state.ts';
import { stripPrefixLength } from '../device/next-hops.ts';
import { hooksWithoutOurProgram } from '../device/our-programs.ts';
import { EchoSockets } from '../guard/pod-probes.ts';
import type { KernelContext } from '../kernel-context.ts';
import { namespaceExists, type PodNamespace } from '../pod-namespaces.ts';
import { missingNeighbours } from '../reconcile/drift.ts';

/** Traffic that comes again comes sooner than this: then the pod is asked. */
const askAfterMs = 300;
/** How often a silent pod is asked for an echo, and how long it has for each. */
const asks = 2;
const answerMs = 700;
const pollMs = 5;

export interface Verification {
  pod: PodRecord;
  namespace: PodNamespace;
  to: DeviceRecord;
  footing: NetworkState | null;
  /** Directions that had traffic, and so must have it again. */
  expect: Record<Direction, boolean>;
}

/**
 * Compares the kernel with what a migrated pod must have: ends, MTU, addresses, routes, neighbours, hooks, and
 * packets in each direction that had some. @throws ProblemError `migration_failed` with all that differs, `pod_gone`
 */
export async function verifyDevice(
  ground: KernelContext,
  wanted: Verification,
): Promise<{ egressPackets: number; ingressPackets: number }> {
  if (!namespaceExists(wanted.pod))
    throw new ProblemError(
      'pod_gone',
      `verify ${wanted.to.primaryName}: the namespace of ${wanted.pod.namespace}/${wanted.pod.name} at ${wanted.pod.netnsPath} is gone`,
      { hint: 'The pod ended while it was migrated; its device goes with it.' },
    );
  const wrong = [
    ...(await wrongEnds(ground, wanted)),
    ...(await wrongFooting(ground, wanted)),
    ...(await wrongHooks(ground, wanted)),
  ];
  const counted = await awaitTraffic(ground, wanted);
  if (wanted.expect.egress && counted.egressPackets === 0)
    wrong.push(`no packet left the pod on it, and no echo when the host asked ${asks} times`);
  if (wanted.expect.ingress && counted.ingressPackets === 0)
    wrong.push(`no packet reached the pod on it, nor did the host's echo requests`);
  if (wrong.length > 0)
    throw new ProblemError('migration_failed', `verify ${wanted.to.primaryName}: ${wrong.join('; ')}`, {
      hint: 'The pod is on the new device. Compare the plan with `ip -d link`, and migrate again.',
    });
  return counted;
}

async function wrongEnds(ground: KernelContext, { pod, namespace, to }: Verification): Promise<string[]> {
  const primary = await getLink(ground.host, { ifindex: primaryIfindex(to.slot) });
  const peer = await getLink(namespace.socket, { ifindex: peerIfindex(to.slot) });
  const wrong: string[] = [];
  for (const [end, link] of [
    ['primary', primary],
    ['peer', peer],
  ] as const) {
    if (!link) wrong.push(`the ${end} is gone`);
    else {
      if (link.kind !== to.kind) wrong.push(`the ${end} is a ${link.kind} device, not ${to.kind}`);
      if (link.mtu !== pod.network.mtu) wrong.push(`the ${end}'s MTU is ${link.mtu}, not ${pod.network.mtu}`);
      if (!link.running) wrong.push(`the ${end} is down`);
    }
  }
  const name = pod.network.interface;
  if (peer && peer.name !== name && !peer.alternativeNames.includes(name))
    wrong.push(`the peer is called ${peer.name}, not ${name}`);
  return wrong;
}

async function wrongFooting(
  ground: KernelContext,
  { pod, namespace, to, footing }: Verification,
): Promise<string[]> {
  const wrong: string[] = [];
  const has = new Set(
    (await listAddresses(namespace.socket, { ifindex: peerIfindex(to.slot) })).map((each) => each.address),
  );
  for (const address of footing?.addresses ?? pod.network.addresses)
    if (!has.has(address)) wrong.push(`address ${address} is missing`);

  const inPod = new Set(
    (await listRoutes(namespace.socket, { ifindex: peerIfindex(to.slot) })).map(routeWithoutDevice),
  );
  const onHost = new Set(
    (await listRoutes(ground.host, { ifindex: primaryIfindex(to.slot) })).map(routeWithoutDevice),
  );
  for (const route of footing?.podRoutes ?? [])
    if (!inPod.has(routeWithoutDevice(route)))
      wrong.push(`the pod's route ${routeWithoutDevice(route)} is missing`);
  for (const route of footing?.hostRoutes ?? [])
    if (!onHost.has(routeWithoutDevice(route)))
      wrong.push(`the host's route ${routeWithoutDevice(route)} is missing`);

  return [...wrong, ...(await wrongNeighbours(ground, { pod, namespace, to }))];
}

async function wrongNeighbours(
  ground: KernelContext,
  { pod, namespace, to }: Pick<Verification, 'pod' | 'namespace' | 'to'>,
): Promise<string[]> {
  const missing = await missingNeighbours(ground, namespace, pod, to);
  return missing.map((address) => `there is no permanent neighbour ${address}`);
}

async function wrongHooks(ground: KernelContext, { to }: Verification): Promise<string[]> {
  return (await hooksWithoutOurProgram(ground, to)).map((hook) => `our program is not on ${hook}`);
}

/**
 * Waits for packets in the directions that had some. Traffic may have ended by itself meanwhile: a pod that is silent
 * is asked for an echo, there and back over the new device, and what was counted after that is the answer: however
 * late this process gets to look.
 */
async function awaitTraffic(
  ground: KernelContext,
  { pod, to, expect }: Verification,
): Promise<{ egressPackets: number; ingressPackets: number }> {
  const counted = () => {
    const counters = ground.programs.counters.read(to.slot);
    return {
      egressPackets: Number(counters[counterIndex.egressPackets]!),
      ingressPackets: Number(counters[counterIndex.ingressPackets]!),
    };
  };
  const enough = ({ egressPackets, ingressPackets }: { egressPackets: number; ingressPackets: number }) =>
    (!expect.egress || egressPackets > 0) && (!expect.ingress || ingressPackets > 0);

  const start = performance.now();
  while (!enough(counted()) && performance.now() - start < askAfterMs) await sleep(pollMs);
  for (let asked = 0; !enough(counted()) && asked < asks; asked++) await ask(pod);
  return counted();
}

/** Asks the pod's first address for an echo and waits for it. */
async function ask(pod: PodRecord): Promise<void> {
  const sockets = new EchoSockets();
  try {
    await sockets.ask(stripPrefixLength(pod.network.addresses[0]!), answerMs);
  } finally {
    sockets.close();
  }
}
