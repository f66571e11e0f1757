import { setInterval as every } from 'node:timers/promises';
import type { TrafficReport } from '../../contract/pod.ts';
import { type AgentEndpoint, requestAgent } from './agent-client.ts';
import type { AttachedLabPod } from './attach-pods.ts';
import type { LabTraffic } from './traffic/traffic.ts';

/** Milliseconds between two traffic reports to the agent. */
const intervalMs = 500;

/**
 * Reports the traffic's request counts to the agent until `signal` is aborted. `onAgentState` is called when the agent
 * becomes unreachable, with the error, and when it is back, with null.
 */
export async function reportLabTrafficPeriodically(
  endpoint: AgentEndpoint,
  pods: readonly AttachedLabPod[],
  traffic: LabTraffic,
  { signal, onAgentState }: { signal: AbortSignal; onAgentState(error: Error | null): void },
): Promise<void> {
  let reachable = true;
  try {
    for await (const _ of every(intervalMs, undefined, { signal })) {
      const error = await sendLabTrafficReport(endpoint, pods, traffic);
      if (reachable !== (error === null)) onAgentState(error);
      reachable = error === null;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Sends one traffic report to the agent. @returns null, or the reason why the agent did not accept the report */
export async function sendLabTrafficReport(
  endpoint: AgentEndpoint,
  pods: readonly AttachedLabPod[],
  traffic: LabTraffic,
): Promise<Error | null> {
  const counts = traffic.counts();
  const body: TrafficReport = {
    pods: Object.fromEntries(
      pods.map(({ id, app }) => [id, { ok: counts[app]?.ok ?? 0, failed: counts[app]?.failed ?? 0 }]),
    ),
  };
  return requestAgent(endpoint, 'PUT', '/api/v1/lab/traffic', { body, timeoutMs: 5000 }).then(
    () => null,
    (error: Error) => error,
  );
}
