import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../contract/problem.ts';
import { field } from '../bpf/counter-fields.ts';
import { peerIfindex, primaryIfindex } from '../bpf/layout.ts';
import { addresses } from '../netlink/address.ts';
import { getLink } from '../netlink/link.ts';
import { routes } from '../netlink/route.ts';
import type { DeviceRecord, PodRecord } from './books.ts';
import { missingNeighbours } from './drift.ts';
import { deviceless, type Footing } from './footing.ts';
import { bare } from './gateway.ts';
import type { Ground } from './ground.ts';
import { EchoSockets } from './guard/probes.ts';
import { namespaceLives, type PodNamespace } from './pod-namespace.ts';
import { bareHooks } from './programs.ts';

/** How long a direction that was busy before may stay silent on the new device. */
const silenceMs = 1000;
/** Traffic that comes again comes sooner than this: then the pod is asked. */
const askAfterMs = 300;
const pollMs = 5;

export interface Verification {
  pod: PodRecord;
  namespace: PodNamespace;
  to: DeviceRecord;
  footing: Footing | null;
  /** Directions that had traffic, and so must have it again. */
  expect: { out: boolean; in: boolean };
}

/**
 * Compares the kernel with what a migrated pod must have: ends, MTU, addresses, routes, neighbours, hooks, and
 * packets in each direction that had some. @throws ProblemError `migration_failed` with all that differs, `pod_gone`
 */
export async function verifyDevice(
  ground: Ground,
  wanted: Verification,
): Promise<{ packetsOut: number; packetsIn: number }> {
  if (!namespaceLives(wanted.pod))
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
  if (wanted.expect.out && counted.packetsOut === 0)
    wrong.push(`no packet left the pod on it for ${silenceMs} ms`);
  if (wanted.expect.in && counted.packetsIn === 0)
    wrong.push(`no packet reached the pod on it for ${silenceMs} ms`);
  if (wrong.length > 0)
    throw new ProblemError('migration_failed', `verify ${wanted.to.primaryName}: ${wrong.join('; ')}`, {
      hint: 'The pod is on the new device. Compare the plan with `ip -d link`, and migrate again.',
    });
  return counted;
}

async function wrongEnds(ground: Ground, { pod, namespace, to }: Verification): Promise<string[]> {
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
  ground: Ground,
  { pod, namespace, to, footing }: Verification,
): Promise<string[]> {
  const wrong: string[] = [];
  const has = new Set(
    (await addresses(namespace.socket, { ifindex: peerIfindex(to.slot) })).map((each) => each.address),
  );
  for (const address of footing?.addresses ?? pod.network.addresses)
    if (!has.has(address)) wrong.push(`address ${address} is missing`);

  const inPod = new Set((await routes(namespace.socket, { ifindex: peerIfindex(to.slot) })).map(deviceless));
  const onHost = new Set((await routes(ground.host, { ifindex: primaryIfindex(to.slot) })).map(deviceless));
  for (const route of footing?.podRoutes ?? [])
    if (!inPod.has(deviceless(route))) wrong.push(`the pod's route ${deviceless(route)} is missing`);
  for (const route of footing?.hostRoutes ?? [])
    if (!onHost.has(deviceless(route))) wrong.push(`the host's route ${deviceless(route)} is missing`);

  return [...wrong, ...(await wrongNeighbours(ground, { pod, namespace, to }))];
}

async function wrongNeighbours(
  ground: Ground,
  { pod, namespace, to }: Pick<Verification, 'pod' | 'namespace' | 'to'>,
): Promise<string[]> {
  const missing = await missingNeighbours(ground, namespace, pod, to);
  return missing.map((address) => `there is no permanent neighbour ${address}`);
}

async function wrongHooks(ground: Ground, { to }: Verification): Promise<string[]> {
  return (await bareHooks(ground, to)).map((hook) => `our program is not on ${hook}`);
}

/**
 * Waits for packets in the directions that had some. Traffic may have ended by itself meanwhile: a pod that is silent
 * and answers an echo, there and back over the new device, is as well.
 */
async function awaitTraffic(
  ground: Ground,
  { pod, to, expect }: Verification,
): Promise<{ packetsOut: number; packetsIn: number }> {
  const start = performance.now();
  let asked: Promise<boolean> | null = null;
  let answered = false;
  for (;;) {
    const counters = ground.programs.counters.read(to.slot);
    const [out, into] = [counters[field.packetsOut]!, counters[field.packetsIn]!];
    const enough = (!expect.out || out > 0n) && (!expect.in || into > 0n);
    const waited = performance.now() - start;
    if (enough || answered || waited > silenceMs) {
      await asked;
      return { packetsOut: Number(out), packetsIn: Number(into) };
    }
    if (waited > askAfterMs)
      asked ??= answers(pod).then((yes) => {
        answered = yes;
        return yes;
      });
    await sleep(pollMs);
  }
}

/** Whether the host gets an echo from the pod's first address. */
async function answers(pod: PodRecord): Promise<boolean> {
  const sockets = new EchoSockets();
  try {
    const outcome = await sockets.ask(bare(pod.network.addresses[0]!), silenceMs - askAfterMs);
    return 'ms' in outcome;
  } finally {
    sockets.close();
  }
}
