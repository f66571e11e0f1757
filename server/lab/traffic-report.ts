import { setInterval as every } from 'node:timers/promises';
import type { TrafficReport } from '../../contract/pod.ts';
import { requestAgent, type AgentEndpoint } from './agent-client.ts';
import type { AttachedLabPod } from './pods.ts';
import type { Traffic } from './traffic/traffic.ts';

/** How often the agent hears of the counts, ms. */
const interval = 500;

/**
 * Tells the agent what the traffic counted, until `signal`. While the agent is away the counts go on;
 * `away` hears of each change, with the error when it begins.
 */
export async function reportTrafficPeriodically(
  door: AgentEndpoint,
  pods: readonly AttachedLabPod[],
  traffic: Traffic,
  { signal, away }: { signal: AbortSignal; away(error: Error | null): void },
): Promise<void> {
  let answered = true;
  try {
    for await (const _ of every(interval, undefined, { signal })) {
      const error = await sendTrafficReport(door, pods, traffic);
      if (answered !== (error === null)) away(error);
      answered = error === null;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** One report; null when the agent took it. */
export async function sendTrafficReport(door: AgentEndpoint, pods: readonly AttachedLabPod[], traffic: Traffic): Promise<Error | null> {
  const counts = traffic.counts();
  const body: TrafficReport = {
    pods: Object.fromEntries(
      pods.map(({ id, app }) => [id, { ok: counts[app]!.ok, failed: counts[app]!.failed }]),
    ),
  };
  return requestAgent(door, 'PUT', '/api/v1/lab/traffic', { body, withinMs: 5000 }).then(
    () => null,
    (error: Error) => error,
  );
}
