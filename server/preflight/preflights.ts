import { setTimeout as sleep } from 'node:timers/promises';
import type {
  NewPreflight,
  NodePreflight,
  PodPreflight,
  Preflight,
  PreflightPod,
} from '../../contract/preflight.ts';
import {
  listPreflightSubjects,
  type PreflightVerdict,
  preflightVerdicts,
  toPreflightVerdict,
} from '../../contract/preflight-reasons.ts';
import { ProblemError } from '../../contract/problem.ts';
import { Semaphore } from '../async/semaphore.ts';
import { singleFlight } from '../async/single-flight.ts';
import { TaskScope } from '../async/task-scope.ts';
import { createFinding, explainReasons, toChecks } from './findings.ts';
import { listNodeFindings, neverLooked } from './look-at-node.ts';
import { lookAtPod, type PodLook } from './look-at-pod.ts';
import type { PreflightTarget, PreflightTargets } from './preflight-target.ts';
import { type NodeReading, type NodeSource, readNode } from './read-node.ts';

export interface PreflightOptions {
  node: NodeSource & { name: string; kernelRelease: string };
  /** Where the pods come from. */
  targets: readonly PreflightTargets[];
  /** Bounds other than the defaults. */
  limits?: Partial<typeof defaultLimits>;
}

/** Bounds of the work of preflights. */
const defaultLimits = {
  /** Pods that are looked at at the same time. */
  podsAtOnce: 2,
  /** Requests that are answered at the same time. */
  requests: 8,
  /** Milliseconds after which a request looks at no further pods. */
  requestMs: 10_000,
  /** Milliseconds after which a request is answered with what there is; what runs goes on, for the next request. */
  answerMs: 20_000,
  /** Milliseconds for which the reading of the node is used again. */
  nodeReuseMs: 2000,
  /** Number of pods whose results are remembered. */
  remembered: 16_384,
};

/** Waits for a result until the end of a request; null if it is not there by then. */
type InTime = <T>(result: Promise<T>) => Promise<T | null>;

/** Result of looking at a pod. */
interface Looked {
  at: Date;
  kind: string;
  verdict: PreflightVerdict;
  look: PodLook;
}

/**
 * Finds out whether pods can be on netkit, and if not, why and what to do. It changes nothing. Its work is bounded: a few
 * pods at once, a few requests at once, and a time for each request, after which what was found is returned.
 */
export class Preflights {
  readonly #options: PreflightOptions;
  readonly #limits: typeof defaultLimits;
  readonly #places: Semaphore;
  readonly #scope = new TaskScope(() => undefined);
  readonly #looked = new Map<string, Looked>();
  readonly #looking = new Map<string, Promise<Looked>>();
  /** Work that `close` waits for. */
  readonly #running = new Set<Promise<unknown>>();
  readonly #readNodeAgain: () => Promise<NodeReading>;
  #node: { at: Date; reading: NodeReading } | null = null;
  #requests = 0;

  constructor(options: PreflightOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#places = new Semaphore(this.#limits.podsAtOnce);
    this.#readNodeAgain = singleFlight(async () => {
      const reading = await this.#track(readNode(options.node));
      this.#node = { at: new Date(), reading };
      return reading;
    });
  }

  /** Looks at a pod. @throws ProblemError `pod_not_found`, `too_many`, `stopping` */
  pod(idOrName: string): Promise<PodPreflight> {
    return this.#answer(async (inTime) => {
      const since = Date.now();
      const target = this.#require([idOrName])[0] as PreflightTarget;
      const node = await this.#readNodeInTime(inTime);
      const looked = await inTime(this.#lookBefore(Number.POSITIVE_INFINITY, target, node, since));
      const { findings, subjects, notLooked } = looked?.look ?? lateLook;
      return {
        pod: target.pod,
        verdict: looked?.verdict ?? 'unknown',
        lookedAt: (looked?.at ?? new Date()).toISOString(),
        checks: toChecks('pod', subjects, findings, notLooked),
        reasons: explainReasons([{ findings }]),
      };
    });
  }

  /**
   * Looks at the node, and at the pods that are wanted.
   * @param wanted null for the node alone
   * @throws ProblemError `pod_not_found` with all names that no pod has, `too_many`, `stopping`
   */
  look(wanted: NewPreflight | null): Promise<Preflight> {
    return this.#answer(async (inTime) => {
      const targets = wanted === null ? [] : this.#select(wanted);
      const since = wanted?.since === undefined ? new Date() : new Date(wanted.since);
      const node = await this.#readNodeInTime(inTime);
      const deadline = performance.now() + this.#limits.requestMs;
      const pods = await Promise.all(
        targets.map(async (target) => {
          const looked = await inTime(this.#lookBefore(deadline, target, node, since.getTime()));
          return looked === null ? notReached(target) : toPreflightPod(target, looked);
        }),
      );
      const nodeFindings = listNodeFindings(node);
      const counts = Object.fromEntries(preflightVerdicts.map((verdict) => [verdict, 0])) as Record<
        PreflightVerdict,
        number
      >;
      for (const { verdict } of pods) counts[verdict]++;
      return {
        node: this.#describeNode(node),
        since: since.toISOString(),
        counts,
        remaining: pods.filter(({ lookedAt }) => lookedAt === null).length,
        reasons: explainReasons(pods, nodeFindings),
        pods,
      };
    });
  }

  /** Waits for what runs. */
  async close(): Promise<void> {
    await this.#scope.close();
    await Promise.allSettled(this.#running);
  }

  /** Makes `close` wait for work that may outlast the request that it was begun for. */
  #track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    const forget = (): unknown => this.#running.delete(work);
    work.then(forget, forget);
    return work;
  }

  #describeNode(node: NodeReading): NodePreflight {
    const { name, kernelRelease } = this.#options.node;
    return {
      name,
      kernel: kernelRelease,
      netkit: node.capabilities.some((each) => each.name === 'netkit' && each.available),
      lookedAt: (this.#node?.at ?? new Date()).toISOString(),
      checks: toChecks('node', listPreflightSubjects('node'), listNodeFindings(node)),
      neverLooked: [...neverLooked],
    };
  }

  /** Runs a request, with a function that gives up waiting for a result at the request's end and returns null. */
  async #answer<T>(work: (inTime: InTime) => Promise<T>): Promise<T> {
    if (this.#scope.closed) throw new ProblemError('stopping', 'the agent is stopping');
    const { requests, answerMs } = this.#limits;
    if (this.#requests >= requests)
      throw new ProblemError('too_many', `${requests} preflights are running, which is the most at once`, {
        hint: 'Ask again in a few seconds.',
      });
    this.#requests++;
    const ended = new AbortController();
    const late = sleep(answerMs, null, { signal: ended.signal, ref: false }).catch(() => null);
    try {
      return await this.#scope.run(() => work((result) => Promise.race([result, late])));
    } finally {
      ended.abort();
      this.#requests--;
    }
  }

  async #readNodeInTime(inTime: InTime): Promise<NodeReading> {
    const known = this.#node;
    if (known !== null && Date.now() - known.at.getTime() < this.#limits.nodeReuseMs) return known.reading;
    const reading = await inTime(this.#readNodeAgain());
    if (reading !== null) return reading;
    throw new ProblemError('too_many', `the node was not read within ${this.#limits.answerMs / 1000} s`, {
      hint: 'The node is very busy. Ask again: the reading goes on.',
    });
  }

  #select({ pods, selector }: NewPreflight): PreflightTarget[] {
    if (pods) return this.#require(pods);
    const labels = Object.entries(selector ?? {});
    return this.#list().filter((target) => labels.every(([key, value]) => target.labels[key] === value));
  }

  #list(): PreflightTarget[] {
    return this.#options.targets.flatMap((source) => source.list());
  }

  /** Finds pods by their ids or `namespace.name`, each once. @throws ProblemError `pod_not_found` */
  #require(wanted: readonly string[]): PreflightTarget[] {
    const byName = new Map<string, PreflightTarget>();
    for (const target of this.#list().reverse()) {
      byName.set(`${target.pod.namespace}.${target.pod.name}`, target);
      byName.set(target.pod.id, target);
    }
    const missing = wanted.filter((name) => !byName.has(name));
    if (missing.length > 0)
      throw new ProblemError(
        'pod_not_found',
        `${missing.length === 1 ? 'no pod' : `${missing.length} pods`} of this node ${missing.length === 1 ? 'is' : 'are not'} called ${missing
          .slice(0, 5)
          .map((name) => JSON.stringify(name.slice(0, 320)))
          .join(', ')}${missing.length > 5 ? ', …' : ''}`,
        {
          errors: missing.slice(0, 100).map((name) => ({ path: 'pods', message: name })),
          hint: 'GET /api/v1/pods lists them; use ids or namespace.name.',
        },
      );
    return [...new Set(wanted.map((name) => byName.get(name) as PreflightTarget))];
  }

  /**
   * Returns what was looked at since a time, or looks at the pod when there is a place; null if that is after the deadline.
   */
  async #lookBefore(
    deadline: number,
    target: PreflightTarget,
    node: NodeReading,
    since: number,
  ): Promise<Looked | null> {
    const find = (): Looked | Promise<Looked> | undefined => {
      const known = this.#looked.get(target.pod.id);
      if (known !== undefined && known.kind === target.pod.kind && known.at.getTime() >= since) return known;
      return this.#looking.get(target.pod.id);
    };
    return (
      find() ??
      this.#places.run(() => find() ?? (performance.now() > deadline ? null : this.#look(target, node)))
    );
  }

  /** Looks at a pod; requests that want the same pod meanwhile find it in `#looking`. */
  #look(target: PreflightTarget, node: NodeReading): Promise<Looked> {
    const { id, kind } = target.pod;
    const looking = this.#track(lookAtPod(target, node))
      .then((look): Looked => {
        const looked = { at: new Date(), kind, verdict: toPreflightVerdict(kind, look.findings), look };
        this.#remember(id, looked);
        return looked;
      })
      .finally(() => this.#looking.delete(id));
    this.#looking.set(id, looking);
    return looking;
  }

  #remember(id: string, looked: Looked): void {
    this.#looked.delete(id);
    this.#looked.set(id, looked);
    const [oldest] = this.#looked.keys();
    if (this.#looked.size > this.#limits.remembered && oldest !== undefined) this.#looked.delete(oldest);
  }
}

const toPreflightPod = ({ pod }: PreflightTarget, { at, verdict, look }: Looked): PreflightPod => ({
  pod,
  verdict,
  lookedAt: at.toISOString(),
  findings: look.findings,
});

const late = 'it was not reached in the time of this request';

/** What is known of a pod that is still looked at when the request ends. */
const lateLook: PodLook = {
  subjects: listPreflightSubjects('pod'),
  findings: [createFinding('not_reached', 'unknown', late)],
  notLooked: new Map(listPreflightSubjects('pod').map((subject) => [subject, late])),
};

const notReached = ({ pod }: PreflightTarget): PreflightPod => ({
  pod,
  verdict: 'unknown',
  lookedAt: null,
  findings: lateLook.findings,
});
