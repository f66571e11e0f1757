import type { AdoptionPlan, NewAdoption } from '../../../contract/adoption.ts';
import type { MigrationCheck } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { podNetworkSchema } from '../../../contract/pod-network.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { NewAdoptedPod } from '../../datapath/adopted/adopted-pods.ts';
import type { Datapath } from '../../datapath/datapath.ts';
import { requireAcceptance } from '../../datapath/migration/plan-items.ts';
import { throwIfCheckRefused } from '../../datapath/migration/preflight.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import type { ObservedPods } from '../observed-pods.ts';
import { listAdoptionChecks } from './adoption-checks.ts';
import { listAdoptionItems } from './adoption-items.ts';
import { readAdoptionState } from './adoption-state.ts';
import { planAdoptionSteps } from './adoption-steps.ts';
import { passed, refused } from './plan-check.ts';
import { choosePodName, listValidLabels } from './pod-names.ts';

/** What an adoption needs of the datapath. */
type AdoptingDatapath = Pick<Datapath, 'summaries' | 'checkAdoption' | 'adopt' | 'adoptionHooks'>;

/** A planned adoption, with what to give to the datapath; null where the pod cannot be adopted. */
interface PreparedAdoption {
  plan: AdoptionPlan;
  wanted: NewAdoptedPod | null;
}

/** Adopts observed pods: they become Podlane's with the device that they have, as it is. */
export class PodAdoption {
  readonly #observed: ObservedPods;
  readonly #datapath: AdoptingDatapath;
  readonly #cniConfig: string;
  readonly #ourPrograms: () => readonly number[];

  /** @param cniConfig folder of the CNI configurations @param ourPrograms returns the ids of all of Podlane's programs */
  constructor(
    observed: ObservedPods,
    datapath: AdoptingDatapath,
    cniConfig: string,
    ourPrograms: () => readonly number[],
  ) {
    this.#observed = observed;
    this.#datapath = datapath;
    this.#cniConfig = cniConfig;
    this.#ourPrograms = ourPrograms;
  }

  /** Plans an adoption without changing anything. @throws ProblemError `observed_pod_not_found`, `not_adoptable`, `pod_gone` */
  async plan(id: string, wanted: NewAdoption): Promise<AdoptionPlan> {
    return (await this.#prepare(id, wanted, 'local')).plan;
  }

  /**
   * Adopts a pod.
   * @throws ProblemError the code of a check that refused, `loss_not_accepted`, as `Datapath.adopt`
   */
  async adopt(id: string, request: NewAdoption, actor: string): Promise<Pod> {
    const { plan, wanted } = await this.#prepare(id, request, actor);
    const what = `adopt ${plan.namespace}/${plan.name}`;
    throwIfCheckRefused(plan.checks, what);
    requireAcceptance(plan.items, request.accept, what);
    if (wanted === null) throw new Error(`${what}: the plan allows it and has no device`);
    const pod = await this.#datapath.adopt(wanted);
    await this.#observed.leave(Number(wanted.netns.inode));
    return pod;
  }

  async #prepare(id: string, request: NewAdoption, actor: string): Promise<PreparedAdoption> {
    const summary = this.#observed.summary(id);
    if (summary.hostNetwork)
      throw new ProblemError(
        'not_adoptable',
        `adopt ${summary.name}: it is in the node's own network namespace`,
        {
          hint: 'A host-network pod has no device of its own.',
        },
      );
    const observed = this.#observed.require(id);
    using namespace = this.#observed.openNamespace(observed);
    using host = NetlinkSocket.open();
    const { path } = this.#observed.pathsOf(observed);
    const state = await readAdoptionState(host, namespace, observed);
    const names = new Set(this.#datapath.summaries().map((pod) => `${pod.namespace}.${pod.name}`));
    const chosen = choosePodName(observed.identity, (name) => names.has(`${name.namespace}.${name.name}`));
    const namespaceName = request.namespace ?? chosen.namespace;
    const name = request.name ?? chosen.name;
    const labels = request.labels ?? listValidLabels(observed.identity.labels);
    const [first] = observed.interfaces;
    const items =
      first?.hostEnd == null
        ? []
        : await listAdoptionItems(host, first.hostEnd, this.#cniConfig, new Set(this.#ourPrograms()));
    const checks = await listAdoptionChecks(host, observed, state);
    const network = state.network && podNetworkSchema.safeParse(state.network);
    if (network?.success === false)
      checks.push(
        refused('Its network is one that Podlane can keep', 'not_adoptable', network.error.message),
      );
    let wanted: NewAdoptedPod | null = null;
    if (state.device !== null && state.form.form !== null && network?.success && path !== null) {
      wanted = {
        namespace: namespaceName,
        name,
        labels,
        netns: { path, inode: BigInt(observed.inode) },
        network: network.data,
        adoption: {
          form: state.form.form,
          runtime: observed.identity.runtime?.name ?? null,
          runtimeId: observed.identity.runtimeId,
          bridge: state.bridge,
          device: state.device,
          adoptedAt: new Date().toISOString(),
          actor,
        },
      };
      checks.push(this.#checkBesideOthers(wanted));
    }
    return {
      wanted,
      plan: {
        observedPodId: id,
        namespace: namespaceName,
        name,
        labels,
        form: state.form.form,
        runtime: observed.identity.runtime?.name ?? null,
        addresses: state.addresses,
        device: state.device && {
          kind: 'veth',
          primary: state.device.primary,
          peer: state.device.peer,
          bridge: state.bridge,
        },
        allowed: checks.every(({ state: found }) => found !== 'refused'),
        checks,
        items,
        steps: wanted === null ? [] : planAdoptionSteps(wanted, this.#datapath.adoptionHooks),
      },
    };
  }

  #checkBesideOthers(wanted: NewAdoptedPod): MigrationCheck {
    const name = 'Its name, addresses and namespace are no other pod’s';
    try {
      this.#datapath.checkAdoption(wanted);
      return passed(name, `${wanted.namespace}/${wanted.name}, ${wanted.network.addresses.join(', ')}`);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      return refused(name, error.code, error.message);
    }
  }
}
