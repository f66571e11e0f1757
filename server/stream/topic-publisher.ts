import type { ClientMessage, ServerMessage } from '../../contract/stream-messages.ts';
import type { AgentServices } from '../http/agent-services.ts';
import { encodeSampleFrame } from './encode-sample-frame.ts';
import type { StreamClient } from './stream-client.ts';

export type StreamTopic = Exclude<ClientMessage['topic'], 'pod' | 'verdicts' | 'trace'>;

/** Publishes stream topics to their subscribers, and serializes each message once for all of them. */
export class StreamTopicPublisher {
  readonly #agent: AgentServices;
  readonly #clients: Record<StreamTopic, Set<StreamClient>> = {
    samples: new Set(),
    node: new Set(),
    pods: new Set(),
    migrations: new Set(),
    batches: new Set(),
    dumps: new Set(),
    events: new Set(),
    'observed-pods': new Set(),
    'observed-samples': new Set(),
  };

  constructor(agent: AgentServices) {
    this.#agent = agent;
    const { pods, batches, dumps, sampler, observed } = agent;
    sampler.on('sample', (sample) => {
      if (this.#clients.samples.size > 0) this.#publishSample('samples', encodeSampleFrame(sample));
    });
    sampler.on('node', (sample) => {
      // The sample holds run counts of programs, which the kernel counts only while a client reads them.
      if (this.#clients.node.size > 0) agent.programs.keepStatisticsOn();
      this.#publishSample('node', nodeText(sample));
    });
    pods.on('pod', (pod) => this.#publish('pods', { type: 'pod', pod }));
    pods.on('pod-removed', (id) => this.#publish('pods', { type: 'pod-removed', id }));
    pods.on('migration', (migration) => this.#publish('migrations', { type: 'migration', migration }));
    batches.on('batch', (batch) => this.#publish('batches', { type: 'batch', batch }));
    batches.on('pod', (batchId, pod) => this.#publish('batches', { type: 'batch-pod', batchId, pod }));
    dumps.on('dump', (dump) => this.#publish('dumps', { type: 'dump', dump }));
    dumps.on('dump-removed', (id) => this.#publish('dumps', { type: 'dump-removed', id }));
    observed.on('pod', (pod) => this.#publish('observed-pods', { type: 'observed-pod', pod }));
    observed.on('pod-removed', (id) => this.#publish('observed-pods', { type: 'observed-pod-removed', id }));
    observed.on('sample', (sample) => {
      if (this.#clients['observed-samples'].size > 0)
        this.#publishSample('observed-samples', encodeSampleFrame(sample));
    });
    pods.on('event', (event) => this.#publish('events', { type: 'event', event }));
  }

  /** Subscribes a client to a topic and sends it the latest sample immediately. */
  add(topic: StreamTopic, client: StreamClient): void {
    if (this.#clients[topic].has(client)) return;
    this.#clients[topic].add(client);
    const { latest, node } = this.#agent.sampler;
    const observed = this.#agent.observed.latest;
    if (topic === 'observed-samples' && observed !== null) client.sendSample(encodeSampleFrame(observed));
    if (topic === 'samples' && latest !== null) client.sendSample(encodeSampleFrame(latest));
    if (topic === 'node' && node !== null) client.sendSample(nodeText(node));
  }

  remove(topic: StreamTopic, client: StreamClient): void {
    this.#clients[topic].delete(client);
  }

  removeFromAll(client: StreamClient): void {
    for (const clients of Object.values(this.#clients)) clients.delete(client);
  }

  #publishSample(topic: StreamTopic, sample: Uint8Array | string): void {
    for (const client of this.#clients[topic]) client.sendSample(sample);
  }

  #publish(topic: StreamTopic, message: ServerMessage): void {
    if (this.#clients[topic].size === 0) return;
    const text = JSON.stringify(message);
    for (const client of this.#clients[topic]) client.send(text);
  }
}

const nodeText = (sample: Extract<ServerMessage, { type: 'node' }>['sample']) =>
  JSON.stringify({ type: 'node', sample } satisfies ServerMessage);
