import { ProblemError } from '../../contract/problem.ts';
import { frameColumns } from '../../contract/sample-frame.ts';
import { clientMessage, type ServerMessage } from '../../contract/stream.ts';
import type { VerdictFilter } from '../../contract/verdict.ts';
import type { Agent } from '../http/agent.ts';
import { frameOf } from './sample-frame.ts';
import type { StreamClient } from './stream-client.ts';
import type { TopicPublisher } from './topics.ts';

/** Pods that one client may watch at a time. */
const maxSubscriptions = 32;

/** What one client has asked for. */
export class ClientSubscriptions {
  readonly #agent: Agent;
  readonly #topics: TopicPublisher;
  readonly #client: StreamClient;
  /** By pod id; calling the value stops the frames. */
  readonly #watched = new Map<string, () => void>();
  /** By id of the trace. */
  readonly #traces = new Map<string, () => void>();
  #verdicts: (() => void) | null = null;

  constructor(agent: Agent, topics: TopicPublisher, client: StreamClient) {
    this.#agent = agent;
    this.#topics = topics;
    this.#client = client;
    client.send({
      type: 'hello',
      api: 'v1',
      columns: [...frameColumns],
      startedAt: agent.startedAt.toISOString(),
      bootId: agent.bootId,
    });
  }

  /** Does what `text` asks and answers `ack`, or `error` with the reason. */
  take(text: string): void {
    const asked = parse(text);
    const id = askedId(asked);
    try {
      this.#do(asked);
      this.#client.send({ type: 'ack', id: id! });
    } catch (error) {
      const problem =
        error instanceof ProblemError ? error : new ProblemError('internal', 'the agent’s log has the cause');
      if (problem !== error) this.#agent.log.error({ err: error }, 'stream message failed');
      this.#client.send({ type: 'error', id, problem: problem.toProblem() });
    }
  }

  stop(): void {
    this.#topics.removeFromAll(this.#client);
    for (const unwatch of [...this.#watched.values(), ...this.#traces.values()]) unwatch();
    this.#watched.clear();
    this.#traces.clear();
    this.#watchVerdicts(null);
  }

  #do(asked: unknown): void {
    const { success, data, error } = clientMessage.safeParse(asked);
    if (!success) throw notValid(error.issues);
    const wanted = data.type === 'subscribe';
    switch (data.topic) {
      case 'pod':
        if (wanted) this.#watch(data.pod, data.hz);
        else this.#unwatch(data.pod);
        break;
      case 'verdicts':
        this.#watchVerdicts(wanted ? data.filter : null);
        break;
      case 'trace':
        this.#watchTrace(data.trace, wanted);
        break;
      default:
        if (wanted) this.#topics.add(data.topic, this.#client);
        else this.#topics.remove(data.topic, this.#client);
    }
  }

  /** @param filter null: no longer */
  #watchVerdicts(filter: VerdictFilter | null): void {
    this.#verdicts?.();
    this.#verdicts =
      filter &&
      this.#agent.verdicts.watch(filter, (news) =>
        // As samples: who is too slow misses some, and the log has them.
        this.#client.sendSample(JSON.stringify({ type: 'verdicts', ...news } satisfies ServerMessage)),
      );
  }

  #watchTrace(id: string, wanted: boolean): void {
    this.#traces.get(id)?.();
    this.#traces.delete(id);
    if (!wanted) return;
    if (this.#traces.size >= maxSubscriptions)
      throw new ProblemError('too_many', `a client may watch ${maxSubscriptions} traces at a time`);
    this.#traces.set(
      id,
      this.#agent.traces.watch(id, (news) => this.#client.send({ type: 'trace', ...news })),
    );
  }

  #watch(idOrName: string, hz: number): void {
    const pod = this.#agent.pods.find(idOrName);
    if (!this.#watched.has(pod) && this.#watched.size >= maxSubscriptions)
      throw new ProblemError('too_many', `a client may watch ${maxSubscriptions} pods at a time`);
    this.#watched.get(pod)?.();
    this.#watched.set(
      pod,
      this.#agent.sampler.watch(pod, hz, (sample) => this.#client.sendSample(frameOf(sample))),
    );
  }

  /** Of a pod that is gone too: its id still stops the watching. */
  #unwatch(idOrName: string): void {
    const id = this.#watched.has(idOrName) ? idOrName : this.#agent.pods.find(idOrName);
    this.#watched.get(id)?.();
    this.#watched.delete(id);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function askedId(asked: unknown): number | null {
  const id = typeof asked === 'object' && asked !== null && 'id' in asked ? asked.id : null;
  return typeof id === 'number' && Number.isInteger(id) ? id : null;
}

function notValid(issues: { path: PropertyKey[]; message: string }[]): ProblemError {
  const errors = issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  const detail = errors
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    .join('; ');
  return new ProblemError('bad_request', `not a message of the stream: ${detail}`, { errors });
}
