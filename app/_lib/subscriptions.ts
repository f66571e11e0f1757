import type { Problem } from '../../contract/problem.ts';
import type { ClientMessage } from '../../contract/stream-messages.ts';
import type { VerdictFilter } from '../../contract/verdict.ts';

/**
 * Topics of the live connection. Several subscribers of one pod share the `hz` of the first; a tab has one verdict
 * filter, the one subscribed to last.
 */
export type SubscriptionTopic =
  | {
      topic:
        | 'samples'
        | 'node'
        | 'pods'
        | 'migrations'
        | 'batches'
        | 'dumps'
        | 'events'
        | 'observed-pods'
        | 'observed-samples';
    }
  | { topic: 'pod'; pod: string; hz: number }
  | { topic: 'verdicts'; filter: VerdictFilter }
  | { topic: 'trace'; trace: string };

/** Returns the key of a topic. Topics with the same key share one subscription at the agent. */
function keyOf(topic: SubscriptionTopic): string {
  if (topic.topic === 'pod') return `pod/${topic.pod}`;
  if (topic.topic === 'trace') return `trace/${topic.trace}`;
  return topic.topic === 'verdicts' ? `verdicts/${JSON.stringify(topic.filter)}` : topic.topic;
}

interface Entry {
  topic: SubscriptionTopic;
  subscribers: Set<object>;
  onProblem: Set<(problem: Problem) => void>;
}

interface Options {
  send: (message: ClientMessage) => void;
  ackWithinMs: number;
  /** Called if the agent does not acknowledge a call in time. */
  onSilence: () => void;
}

/**
 * Creates a registry that counts the subscribers of each topic and matches the agent's acknowledgements to its calls.
 */
export function createSubscriptionRegistry({ send, ackWithinMs, onSilence }: Options) {
  const entries = new Map<string, Entry>();
  const calls = new Map<number, { key: string; timer: ReturnType<typeof setTimeout> }>();
  let nextId = 1;
  let live = false;

  function ask(type: 'subscribe' | 'unsubscribe', key: string, topic: SubscriptionTopic): void {
    if (!live) return;
    const id = nextId++;
    calls.set(id, { key, timer: setTimeout(onSilence, ackWithinMs) });
    send({ id, type, ...topic });
  }

  return {
    /** Adds a subscriber to a topic. @returns an idempotent function that removes the subscriber */
    add(topic: SubscriptionTopic, onProblem?: (problem: Problem) => void): () => void {
      const key = keyOf(topic);
      const subscriber = {};
      const entry = entries.get(key) ?? { topic, subscribers: new Set(), onProblem: new Set() };
      entry.subscribers.add(subscriber);
      if (onProblem !== undefined) entry.onProblem.add(onProblem);
      if (!entries.has(key)) {
        entries.set(key, entry);
        ask('subscribe', key, topic);
      }
      return () => {
        if (!entry.subscribers.delete(subscriber)) return;
        if (onProblem !== undefined) entry.onProblem.delete(onProblem);
        if (entry.subscribers.size > 0 || entries.get(key) !== entry) return;
        entries.delete(key);
        ask('unsubscribe', key, entry.topic);
      };
    },
    /** Sends all subscriptions again on a new connection. */
    sendAll(): void {
      live = true;
      for (const [key, { topic }] of entries) ask('subscribe', key, topic);
    },
    /** Drops all unacknowledged calls when the connection is lost. */
    lose(): void {
      live = false;
      for (const { timer } of calls.values()) clearTimeout(timer);
      calls.clear();
    },
    settle(id: number, problem: Problem | null): void {
      const open = calls.get(id);
      if (open === undefined) return;
      clearTimeout(open.timer);
      calls.delete(id);
      if (problem === null) return;
      for (const notify of entries.get(open.key)?.onProblem ?? []) notify(problem);
    },
    /** Returns true if a topic with a message every second is subscribed to. */
    expectsSamples: (): boolean => entries.has('samples') || entries.has('node'),
  };
}
