'use client';

import { useQuery } from '@tanstack/react-query';
import type { ClusterPolicyState, ClusterWatch, KubernetesStatus } from '../../contract/kubernetes.ts';
import { ErrorState } from '../_components/error-state.tsx';
import { LabeledFact, LabeledFactList } from '../_components/labeled-fact.tsx';
import { ValueSkeleton } from '../_components/skeleton.tsx';
import { WarningIcon } from '../_components/warning-icon.tsx';
import { requestApi } from '../_lib/api.ts';
import { formatClockTime, formatCount } from '../_lib/format.ts';
import { settingsText } from './text.ts';

/** Time in ms between two readings of the state. */
const refreshMs = 5000;
/** Most applied policies that are listed. */
const maxListed = 20;

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-6 border-line-1 border-b px-2 py-0.5 align-baseline text-12 first:pl-0 last:pr-0';

/** Shows whether the agent reaches the Kubernetes API server, what it knows from it, and its NetworkPolicies. */
export function KubernetesSection() {
  const { data, error, refetch } = useQuery({
    queryKey: ['kubernetes'],
    queryFn: ({ signal }) => requestApi<KubernetesStatus>('/kubernetes', { signal }),
    refetchInterval: refreshMs,
  });
  return (
    <section aria-labelledby="kubernetes" aria-busy={data === undefined && error === null} className="mt-6">
      <h2 id="kubernetes" className="font-semibold">
        {settingsText.kubernetesTitle}
      </h2>
      <div className="mt-1 border-line-2 border-t pt-2">
        {data !== undefined ? (
          <KubernetesState status={data} />
        ) : error !== null ? (
          <ErrorState error={error} retry={() => void refetch()} />
        ) : (
          <ValueSkeleton className="w-60" />
        )}
      </div>
    </section>
  );
}

function KubernetesState({ status }: { status: KubernetesStatus }) {
  if (!status.configured) return <p className="text-12 text-ink-2">{settingsText.kubernetesOff}</p>;
  const { state, since, server, node, error, statusWrites, watches, policies } = status;
  const time = since === null ? '' : formatClockTime(Date.parse(since));
  return (
    <div className="grid gap-3">
      <p className="flex items-start gap-1.5 text-12 text-ink-2" role="status">
        {state !== 'connected' && <WarningIcon className="mt-px size-3.5" />}
        <span>
          {settingsText.kubernetesStates[state](time)}
          {error !== null && <span className="block text-muted">{error}</span>}
        </span>
      </p>
      <LabeledFactList>
        <LabeledFact label={settingsText.apiServer}>{server}</LabeledFact>
        <LabeledFact label={settingsText.nodeName}>{node}</LabeledFact>
        <LabeledFact label={settingsText.policies}>
          {settingsText.policyCounts(
            formatCount(policies.applied),
            formatCount(policies.refused),
            formatCount(policies.waiting),
          )}
        </LabeledFact>
      </LabeledFactList>
      {statusWrites.state === 'forbidden' && (
        <p className="text-12 text-ink-2">{settingsText.statusForbidden(statusWrites.error ?? '')}</p>
      )}
      <WatchTable watches={watches} />
      {policies.items.length === 0 ? (
        <p className="text-12 text-ink-2">{settingsText.noPolicies}</p>
      ) : (
        <PolicyTable policies={policies.items} />
      )}
    </div>
  );
}

function WatchTable({ watches }: { watches: readonly ClusterWatch[] }) {
  return (
    <table className="w-full border-collapse">
      <caption className="sr-only">{settingsText.watches}</caption>
      <thead>
        <tr>
          {settingsText.watchColumns.map((title, index) => (
            <th key={title} scope="col" className={`${head} ${index === 2 ? 'text-right' : ''}`}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {watches.map(({ resource, state, objects, lastEvent }) => (
          <tr key={resource}>
            <th scope="row" className={`${cell} text-left font-normal`}>
              {resource}
            </th>
            <td className={cell}>{settingsText.watchStates[state]}</td>
            <td className={`${cell} text-right tabular-nums`}>{formatCount(objects)}</td>
            <td className={`${cell} tabular-nums`}>
              {lastEvent === null ? settingsText.never : formatClockTime(Date.parse(lastEvent))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function PolicyTable({ policies }: { policies: readonly ClusterPolicyState[] }) {
  const shown = policies.slice(0, maxListed);
  return (
    <div>
      <table className="w-full border-collapse">
        <caption className="sr-only">{settingsText.policies}</caption>
        <thead>
          <tr>
            {settingsText.policyColumns.map((title) => (
              <th key={title} scope="col" className={head}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map(({ namespace, name, state, reason, rules }) => (
            <tr key={`${namespace}/${name}`}>
              <th scope="row" className={`${cell} text-left font-normal`}>
                {namespace}/{name}
              </th>
              <td className={cell}>
                <span className="flex items-start gap-1.5">
                  {state === 'refused' && <WarningIcon className="mt-px size-3.5" />}
                  {state === 'refused' ? settingsText.refusedBecause(reason ?? '') : state}
                </span>
              </td>
              <td className={`${cell} tabular-nums`}>{formatCount(rules)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {policies.length > shown.length && (
        <p className="pt-1 text-12 text-muted">
          {settingsText.morePolicies(formatCount(policies.length - shown.length))}
        </p>
      )}
    </div>
  );
}
