import { randomBytes } from 'node:crypto';
import type { Adoption } from '../../../contract/adoption.ts';
import type { PodNetwork } from '../../../contract/pod-network.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { type DatapathContext, formatPodName, toPolicyEndpoint } from '../datapath-context.ts';
import { attachPodlanePrograms, setRedirectEndpoints } from '../device/podlane-programs.ts';
import { withPod } from '../pod-activity.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { createLivePod, type LivePod } from '../pod-registry.ts';
import { chooseDeviceKind, validateNewPod } from '../pods/create-pod-device.ts';
import { detachFromForeignDevice } from './release-pod.ts';

/** A pod that others made, as Podlane is to keep it. */
export interface NewAdoptedPod {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  netns: { path: string; inode: bigint };
  network: PodNetwork;
  adoption: Adoption;
}

/**
 * Adopts pods that others made, with the device that they have: it becomes the pod's current one by a record and by
 * Podlane's programs on its hooks, and nothing else of it changes.
 */
export class AdoptedPods {
  readonly #context: DatapathContext;
  readonly #turnRedirectOff: (podId: string) => Promise<void>;
  readonly #adopting = new Set<string>();

  /** @param turnRedirectOff saves for a pod that it is not redirected, before it has programs */
  constructor(context: DatapathContext, turnRedirectOff: (podId: string) => Promise<void>) {
    this.#context = context;
    this.#turnRedirectOff = turnRedirectOff;
  }

  /**
   * Refuses a pod that cannot be adopted beside those that Podlane has.
   * @throws ProblemError `pod_exists`, `address_in_use`, `bad_netns`, `pod_gone`, `no_tcx`
   */
  check(wanted: NewAdoptedPod): void {
    const { kernel, registry } = this.#context;
    const { namespace, name, labels, netns, network } = wanted;
    chooseDeviceKind(kernel, 'veth');
    const inode = validateNewPod(registry, { namespace, name, labels, netns: netns.path, ...network });
    if (inode !== netns.inode)
      throw new ProblemError(
        'pod_gone',
        `adopt ${namespace}/${name}: ${netns.path} is another network namespace by now (${inode}, not ${netns.inode})`,
        { hint: 'The pod has ended; look at the observed pods again.' },
      );
  }

  /** Adopts a pod. A failure leaves nothing behind. @throws ProblemError as `check`, `no_slot`, `kernel_refused` */
  async adopt(wanted: NewAdoptedPod): Promise<LivePod> {
    const { kernel, registry, slots, store, rules } = this.#context;
    const key = String(wanted.netns.inode);
    if (this.#adopting.has(key))
      throw new ProblemError('pod_busy', `adopt ${wanted.namespace}/${wanted.name}: it is being adopted`, {
        hint: 'Wait for the other call to answer.',
      });
    this.#adopting.add(key);
    let slot: number | null = null;
    try {
      this.check(wanted);
      slot = await slots.allocate();
      const pod = await this.#addPod(wanted, slot);
      const { record } = pod;
      try {
        await withPod(pod, { type: 'attaching' }, `adopt ${formatPodName(pod)}`, async () => {
          await this.#turnRedirectOff(record.id);
          await rules?.addPod(toPolicyEndpoint(record, pod.metadata));
          // Its end shows that it is still there.
          using _namespace = openPodNamespace(pod);
          for (const device of pod.devices) await attachPodlanePrograms(kernel, record, device);
          for (const device of pod.devices) setRedirectEndpoints(kernel, record, device);
        });
      } catch (error) {
        await detachFromForeignDevice(kernel, pod);
        await store.forgetPod(record.id);
        await store.saveSetting(record.id, 'redirect', null);
        rules?.removePod(record.id);
        throw error;
      }
      registry.add(pod);
      return pod;
    } catch (error) {
      if (slot !== null) slots.release(slot);
      throw error;
    } finally {
      this.#adopting.delete(key);
    }
  }

  async #addPod(wanted: NewAdoptedPod, slot: number): Promise<LivePod> {
    const { kernel, store } = this.#context;
    const { namespace, name, labels, netns, network, adoption } = wanted;
    const { primary, peer } = adoption.device;
    const id = randomBytes(6).toString('hex');
    const added = await store.addPod(
      { id, namespace, name, labels, netnsPath: netns.path, netnsInode: netns.inode, network, adoption },
      {
        podId: id,
        kind: 'veth',
        hooks: kernel.primaryHooks,
        slot,
        primaryName: primary.name,
        primaryMac: primary.mac,
        peerMac: peer.mac,
        foreignIfindexes: { primary: primary.ifindex, peer: peer.ifindex },
      },
    );
    return createLivePod(added.pod, [added.device]);
  }
}
