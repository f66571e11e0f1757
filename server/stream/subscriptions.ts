import { ProblemError } from '../../contract/problem.ts';
import { sampleColumns } from '../../contract/sample.ts';
import { clientMessage } from '../../contract/stream.ts';
import type { Agent } from '../http/agent.ts';
import type { Client } from './client.ts';
import type { Topics } from './topics.ts';

/** Pods that one client may watch at a time. */
const maxWatched = 32;

/** What one client has asked for. */
export class Subscriptions {
  readonly #agent: Agent;
  readonly #topics: Topics;
  readonly #client: Client;
  /** By pod id; calling the value stops the frames. */
  readonly #watched = new Map<string, () => void>();

  constructor(agent: Agent, topics: Topics, client: Client) {
    this.#agent = agent;
    this.#topics = topics;
    this.#client = client;
    client.send({
      type: 'hello',
      api: 'v1',
      columns: [...sampleColumns],
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
    for (const unwatch of this.#watched.values()) unwatch();
    this.#watched.clear();
  }

  #do(asked: unknown): void {
    const { success, data, error } = clientMessage.safeParse(asked);
    if (!success) throw notValid(error.issues);
    if (data.topic === 'pod') {
      if (data.type === 'subscribe') this.#watch(data.pod, data.hz);
      else this.#unwatch(data.pod);
      return;
    }
    if (data.type === 'subscribe') this.#topics.add(data.topic, this.#client);
    else this.#topics.remove(data.topic, this.#client);
  }

  #watch(idOrName: string, hz: number): void {
    const pod = this.#agent.pods.find(idOrName);
    if (!this.#watched.has(pod) && this.#watched.size >= maxWatched)
      throw new ProblemError('too_many', `a client may watch ${maxWatched} pods at a time`);
    this.#watched.get(pod)?.();
    this.#watched.set(
      pod,
      this.#agent.samples.watch(pod, hz, (frame) => this.#client.sendSample(frame)),
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
