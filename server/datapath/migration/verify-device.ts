import { setTimeout as sleep } from 'node:timers/promises';
import type { Direction } from '../../../contract/direction.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { PodRecord } from '../../store/records.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import { EchoSockets } from '../echo/echo-sockets.ts';
import { podNamespaceExists } from '../pod-namespaces.ts';
import { compareUnderTraffic } from './compare-devices.ts';
import { countPacketsByDirection } from './count-packets.ts';
import type { MigrationStepContext, MigrationStepDefinition } from './step-definition.ts';

/** Milliseconds to wait for traffic on the new device before the host sends an echo request to the pod. */
const trafficWaitMs = 300;
/** Number of echo requests to a silent pod. */
const echoRequests = 2;
const echoTimeoutMs = 700;
const pollMs = 5;

/** Number of packets on the new device since it was created. */
export interface NewDevicePackets {
  egressPackets: number;
  ingressPackets: number;
}

/**
 * Compares the kernel with what each step was to leave behind, and waits for packets in the directions that had some
 * on the old device.
 * @throws ProblemError `migration_failed` with all differences, `pod_gone`
 */
export async function verifyNewDevice(
  context: MigrationStepContext,
  steps: readonly MigrationStepDefinition[],
  expected: Record<Direction, boolean>,
): Promise<NewDevicePackets> {
  const { pod, from, to } = context;
  if (!podNamespaceExists({ record: pod, devices: [from, to] }))
    throw new ProblemError(
      'pod_gone',
      `verify ${to.primaryName}: the namespace of ${pod.namespace}/${pod.name} at ${pod.netnsPath} is gone`,
      { hint: 'The pod ended while it was migrated; its device goes with it.' },
    );
  const differences: string[] = [];
  for (const step of steps) differences.push(...((await step.verify?.(context)) ?? []));
  differences.push(...(await compareUnderTraffic(context)));
  const counted = await awaitTraffic(context, expected);
  if (expected.egress && counted.egressPackets === 0)
    differences.push(`no packet left the pod, nor did it reply to ${echoRequests} echo requests of the host`);
  if (expected.ingress && counted.ingressPackets === 0)
    differences.push(`no packet reached the pod, nor did the host's echo requests`);
  if (differences.length > 0)
    throw new ProblemError('migration_failed', `verify ${to.primaryName}: ${differences.join('; ')}`, {
      hint: 'The pod is on the new device. Compare the plan with `ip -d link`, and migrate again.',
    });
  return counted;
}

/**
 * Waits for packets in the expected directions. The pod's own traffic may have ended by itself: a silent pod gets echo
 * requests, which cross the new device both ways, however late this process reads the counters.
 */
async function awaitTraffic(
  { kernel, pod, to }: MigrationStepContext,
  expected: Record<Direction, boolean>,
): Promise<NewDevicePackets> {
  const counted = (): NewDevicePackets => {
    const reading = kernel.programs.counters.read(to.slot);
    return {
      egressPackets: Number(countPacketsByDirection(reading, 'egress')),
      ingressPackets: Number(countPacketsByDirection(reading, 'ingress')),
    };
  };
  const enough = ({ egressPackets, ingressPackets }: NewDevicePackets) =>
    (!expected.egress || egressPackets > 0) && (!expected.ingress || ingressPackets > 0);

  const start = performance.now();
  while (!enough(counted()) && performance.now() - start < trafficWaitMs) await sleep(pollMs);
  for (let sent = 0; !enough(counted()) && sent < echoRequests; sent++) await requestEcho(pod);
  return counted();
}

/** Sends an echo request to the pod's first address and waits for the reply. */
async function requestEcho({ network }: PodRecord): Promise<void> {
  const [address] = network.addresses;
  if (address === undefined) return;
  const sockets = new EchoSockets();
  try {
    await sockets.probe(stripPrefixLength(address), echoTimeoutMs);
  } finally {
    sockets.close();
  }
}
