import type { ClientMessage, ServerMessage } from '../../contract/stream.ts';
import type { Agent } from '../http/agent.ts';
import { frameOf } from './sample-frame.ts';
import type { StreamClient } from './stream-client.ts';

export type Topic = Exclude<ClientMessage['topic'], 'pod' | 'verdicts' | 'trace'>;

/** Who gets what. A message is made into text once for all who get it, a frame not at all. */
export class TopicPublisher {
  readonly #agent: Agent;
  readonly #clients: Record<Topic, Set<StreamClient>> = {
    samples: new Set(),
    node: new Set(),
    pods: new Set(),
    migrations: new Set(),
    batches: new Set(),
    dumps: new Set(),
    events: new Set(),
  };

  constructor(agent: Agent) {
    this.#agent = agent;
    const { pods, batches, dumps, sampler } = agent;
    sampler.on('sample', (sample) => {
      if (this.#clients.samples.size > 0) this.#sample('samples', frameOf(sample));
    });
    sampler.on('node', (sample) => {
      // They see what programs cost: the kernel measures it while somebody looks.
      if (this.#clients.node.size > 0) agent.programs.look();
      this.#sample('node', nodeText(sample));
    });
    pods.on('pod', (pod) => this.#message('pods', { type: 'pod', pod }));
    pods.on('pod-removed', (id) => this.#message('pods', { type: 'pod-removed', id }));
    pods.on('migration', (migration) => this.#message('migrations', { type: 'migration', migration }));
    batches.on('batch', (batch) => this.#message('batches', { type: 'batch', batch }));
    batches.on('pod', (batchId, pod) => this.#message('batches', { type: 'batch-pod', batchId, pod }));
    dumps.on('dump', (dump) => this.#message('dumps', { type: 'dump', dump }));
    dumps.on('dump-removed', (id) => this.#message('dumps', { type: 'dump-removed', id }));
    pods.on('event', (event) => this.#message('events', { type: 'event', event }));
  }

  /** A new client gets the last sample at once. */
  add(topic: Topic, client: StreamClient): void {
    if (this.#clients[topic].has(client)) return;
    this.#clients[topic].add(client);
    const { latest, node } = this.#agent.sampler;
    if (topic === 'samples' && latest !== null) client.sendSample(frameOf(latest));
    if (topic === 'node' && node !== null) client.sendSample(nodeText(node));
  }

  remove(topic: Topic, client: StreamClient): void {
    this.#clients[topic].delete(client);
  }

  removeFromAll(client: StreamClient): void {
    for (const clients of Object.values(this.#clients)) clients.delete(client);
  }

  #sample(topic: Topic, sample: Uint8Array | string): void {
    for (const client of this.#clients[topic]) client.sendSample(sample);
  }

  #message(topic: Topic, message: ServerMessage): void {
    if (this.#clients[topic].size === 0) return;
    const text = JSON.stringify(message);
    for (const client of this.#clients[topic]) client.send(text);
  }
}

const nodeText = (sample: Extract<ServerMessage, { type: 'node' }>['sample']) =>
  JSON.stringify({ type: 'node', sample } satisfies ServerMessage);
