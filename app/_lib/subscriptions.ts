import type { Problem } from '../../contract/problem.ts';
import type { ClientMessage } from '../../contract/stream.ts';
import type { VerdictFilter } from '../../contract/verdict.ts';

/**
 * What can be asked for. Two subscribers of one pod share the first one's `hz`; of verdicts the tab has one
 * filter, the last that was asked for.
 */
export type SubscriptionTopic =
  | { topic: 'samples' | 'node' | 'pods' | 'migrations' | 'batches' | 'dumps' | 'events' }
  | { topic: 'pod'; pod: string; hz: number }
  | { topic: 'verdicts'; filter: VerdictFilter }
  | { topic: 'trace'; trace: string };

/** Two of the same key are one call to the agent. */
function keyOf(topic: SubscriptionTopic): string {
  if (topic.topic === 'pod') return `pod/${topic.pod}`;
  if (topic.topic === 'trace') return `trace/${topic.trace}`;
  return topic.topic === 'verdicts' ? `verdicts/${JSON.stringify(topic.filter)}` : topic.topic;
}

interface Entry {
  topic: SubscriptionTopic;
  holders: Set<object>;
  onProblem: Set<(problem: Problem) => void>;
}

interface Options {
  send: (message: ClientMessage) => void;
  ackWithinMs: number;
  /** A call stayed unanswered. */
  onSilence: () => void;
}

/** Counts who holds which topic, and matches the agent's answers to the calls. */
export function createSubscriptions({ send, ackWithinMs, onSilence }: Options) {
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
    /** @returns what gives the topic back; calling it twice is harmless */
    add(topic: SubscriptionTopic, onProblem?: (problem: Problem) => void): () => void {
      const key = keyOf(topic);
      const holder = {};
      const entry = entries.get(key) ?? { topic, holders: new Set(), onProblem: new Set() };
      entry.holders.add(holder);
      if (onProblem !== undefined) entry.onProblem.add(onProblem);
      if (!entries.has(key)) {
        entries.set(key, entry);
        ask('subscribe', key, topic);
      }
      return () => {
        if (!entry.holders.delete(holder)) return;
        if (onProblem !== undefined) entry.onProblem.delete(onProblem);
        if (entry.holders.size > 0 || entries.get(key) !== entry) return;
        entries.delete(key);
        ask('unsubscribe', key, entry.topic);
      };
    },
    /** The connection is new: everything held is asked for again. */
    sendAll(): void {
      live = true;
      for (const [key, { topic }] of entries) ask('subscribe', key, topic);
    },
    /** The connection is gone, and with it every open call. */
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
      for (const tell of entries.get(open.key)?.onProblem ?? []) tell(problem);
    },
    /** Whether something is held that must come once a second. */
    expectsSamples: (): boolean => entries.has('samples') || entries.has('node'),
  };
}
