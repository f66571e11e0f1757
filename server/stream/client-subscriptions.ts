import { ProblemError } from '../../contract/problem.ts';
import { sampleFrameColumns } from '../../contract/sample-frame.ts';
import { clientMessageSchema, type ServerMessage } from '../../contract/stream-messages.ts';
import type { VerdictFilter } from '../../contract/verdict.ts';
import type { AgentServices } from '../http/agent-services.ts';
import { encodeSampleFrame } from './encode-sample-frame.ts';
import type { StreamClient } from './stream-client.ts';
import type { StreamTopicPublisher } from './topic-publisher.ts';

/** Maximum number of pods, and of traces, that one client may watch at a time. */
const maxSubscriptions = 32;

/** The subscriptions of one client of the stream. */
export class ClientSubscriptions {
  readonly #agent: AgentServices;
  readonly #topics: StreamTopicPublisher;
  readonly #client: StreamClient;
  /** Functions that stop the sampling of a watched pod, by pod id. */
  readonly #pods = new Map<string, () => void>();
  /** Functions that stop the watching of a trace, by trace id. */
  readonly #traces = new Map<string, () => void>();
  /** Function that ends the client's only subscription to verdicts. */
  #endVerdicts: (() => void) | null = null;

  constructor(agent: AgentServices, topics: StreamTopicPublisher, client: StreamClient) {
    this.#agent = agent;
    this.#topics = topics;
    this.#client = client;
    client.send({
      type: 'hello',
      api: 'v1',
      columns: [...sampleFrameColumns],
      startedAt: agent.startedAt.toISOString(),
      bootId: agent.bootId,
    });
  }

  /** Handles a client message and responds with `ack`, or with `error` and the problem. */
  handle(text: string): void {
    const message = parseJson(text);
    try {
      const { id } = this.#apply(message);
      this.#client.send({ type: 'ack', id });
    } catch (error) {
      const problem =
        error instanceof ProblemError
          ? error
          : new ProblemError('internal', 'see the agent’s log for the cause');
      if (problem !== error) this.#agent.log.error({ err: error }, 'stream message failed');
      this.#client.send({ type: 'error', id: idOf(message), problem: problem.toProblem() });
    }
  }

  close(): void {
    this.#topics.removeFromAll(this.#client);
    for (const unwatch of [...this.#pods.values(), ...this.#traces.values()]) unwatch();
    this.#pods.clear();
    this.#traces.clear();
    this.#watchVerdicts(null);
  }

  /**
   * Parses and executes a client message.
   * @returns the message
   * @throws ProblemError if it is invalid or cannot be executed
   */
  #apply(message: unknown): { id: number } {
    const { success, data, error } = clientMessageSchema.safeParse(message);
    if (!success) throw invalidMessage(error.issues);
    const wanted = data.type === 'subscribe';
    switch (data.topic) {
      case 'pod':
        if (wanted) this.#watchPod(data.pod, data.hz);
        else this.#unwatchPod(data.pod);
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
    return data;
  }

  /**
   * Replaces the client's subscription to verdicts. @param filter filter of the verdicts; null ends the subscription
   */
  #watchVerdicts(filter: VerdictFilter | null): void {
    this.#endVerdicts?.();
    this.#endVerdicts =
      filter &&
      this.#agent.verdicts.watch(filter, (news) =>
        // Sent as samples: a slow client skips some, and finds them in the log.
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

  #watchPod(idOrName: string, hz: number): void {
    const pod = this.#agent.pods.find(idOrName);
    if (!this.#pods.has(pod) && this.#pods.size >= maxSubscriptions)
      throw new ProblemError('too_many', `a client may watch ${maxSubscriptions} pods at a time`);
    this.#pods.get(pod)?.();
    this.#pods.set(
      pod,
      this.#agent.sampler.watch(pod, hz, (sample) => this.#client.sendSample(encodeSampleFrame(sample))),
    );
  }

  /** Stops the sampling of a pod, which may have been removed so that only its id is known. */
  #unwatchPod(idOrName: string): void {
    const id = this.#pods.has(idOrName) ? idOrName : this.#agent.pods.find(idOrName);
    this.#pods.get(id)?.();
    this.#pods.delete(id);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the id of a message that may be invalid; null if it has no id. */
function idOf(message: unknown): number | null {
  const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : null;
  return typeof id === 'number' && Number.isInteger(id) ? id : null;
}

function invalidMessage(issues: { path: PropertyKey[]; message: string }[]): ProblemError {
  const errors = issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  const detail = errors
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    .join('; ');
  return new ProblemError('bad_request', `invalid message: ${detail}`, { errors });
}
