import { ArrowRight } from 'lucide-react';
import Link from 'next/link';
import type { RuleExplanation, RuleSetName } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { DirectionLabel } from '../../_components/direction-label.tsx';
import { RuleActionLabel } from '../../_components/rule-action-label.tsx';
import { formatPacketEndpoint, formatPodName } from '../../_lib/packet-labels.ts';
import { rulesText } from '../text.ts';

type End = NonNullable<RuleExplanation['egress']>;

/** Shows the verdict on a packet and the decision at each endpoint. */
export function PolicyExplanation({ explanation, query }: { explanation: RuleExplanation; query: string }) {
  const { verdict, source, destination, egress, ingress, set, note } = explanation;
  const asker = egress?.pod ?? ingress?.pod;
  const denied = verdict === 'deny';
  return (
    <div className="grid gap-5">
      <header className="flex items-center gap-x-4 gap-y-2 max-md:flex-wrap">
        <h2 className="flex min-w-0 flex-1 flex-wrap max-md:basis-full items-center gap-x-3 gap-y-1 text-15">
          <span className="font-semibold">
            <RuleActionLabel action={verdict} />
          </span>
          <span className="code flex min-w-0 flex-wrap items-center gap-x-2 break-all text-13">
            {source}
            <ArrowRight aria-label={rulesText.to} className="size-3.5 text-muted" strokeWidth={1.6} />
            {destination}
          </span>
          {set === 'staged' && <span className="text-12 text-muted">{rulesText.byStagedRules}</span>}
        </h2>
        {asker !== undefined && (
          <Button asChild>
            <Link href={`/trace?${traceQuery(explanation, formatPodName(asker))}`}>
              {rulesText.traceFlow}
            </Link>
          </Button>
        )}
        <CopyButton
          text={typeof location === 'undefined' ? '' : `${location.origin}/rules/explain?${query}`}
          what={rulesText.copyLookupLink}
        />
      </header>
      {explanation.translation !== null && <Translation translation={explanation.translation} />}
      {note !== null && <p className="text-ink-2">{note}</p>}
      {egress === null && ingress === null && note === null && (
        <p className="text-ink-2">{rulesText.noEndpointHere}</p>
      )}
      {egress !== null && <EndpointVerdict end={egress} set={set} />}
      {ingress !== null && <EndpointVerdict end={ingress} set={set} />}
      {egress !== null && ingress === null && denied && (
        <p className="text-12 text-ink-2">{rulesText.droppedAtEgress}</p>
      )}
    </div>
  );
}

/** Shows the ends that rules see, where the host translates addresses, or that no existing connection tells them. */
function Translation({ translation }: { translation: NonNullable<RuleExplanation['translation']> }) {
  const { connections, real, others } = translation;
  if (connections === 0) return <p className="text-ink-2">{rulesText.noConnectionToTranslate}</p>;
  return (
    <p className="flex flex-wrap items-center gap-x-2 gap-y-0.5 text-ink-2">
      {real === null ? (
        rulesText.notTranslated
      ) : (
        <>
          {rulesText.realEnds}
          <span className="code flex flex-wrap items-center gap-x-2 break-all text-13 text-ink-1">
            {real.source}
            <ArrowRight aria-label={rulesText.to} className="size-3.5 text-muted" strokeWidth={1.6} />
            {formatPacketEndpoint({ address: real.destination, port: real.port })}
          </span>
        </>
      )}
      <span className="text-12 text-muted">{rulesText.translatedConnections(connections, others)}</span>
    </p>
  );
}

function traceQuery({ source, destination, protocol, port }: RuleExplanation, pod: string): string {
  const query = new URLSearchParams({ pod });
  query.set('address', /^[\d.]+$|:/.test(destination) ? destination : source);
  if (port !== null) query.set('port', String(port));
  const name = ({ 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp', 132: 'sctp' } as Record<number, string>)[
    protocol
  ];
  if (name !== undefined) query.set('protocol', name);
  return query.toString();
}

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'border-line-1 border-b px-2 py-1 align-top first:pl-0 last:pr-0';
const mapTitles = {
  pods: rulesText.podsMapTitle,
  ipcache: rulesText.ipcacheTitle,
  policies: rulesText.policiesTitle,
  rule_entries: rulesText.ruleEntriesTitle,
} as const;

/** Shows the decision of one pod's rules, with the map lookups that led to it. */
function EndpointVerdict({ end, set }: { end: End; set: RuleSetName }) {
  const { pod, direction, verdict, rule, log, shadowed, lookups } = end;
  return (
    <section aria-label={rulesText.endpointVerdict(direction, formatPodName(pod))}>
      <h3 className="flex flex-wrap items-center gap-x-3 gap-y-0.5 border-line-2 border-b pb-1">
        <DirectionLabel direction={direction} />
        <Link href={`/pods/${formatPodName(pod)}`} prefetch={false} className="link font-semibold">
          {formatPodName(pod)}
        </Link>
        <RuleActionLabel action={verdict} />
        <span className="text-ink-2">
          {rulesText.decidedBy} {rule === null ? rulesText.byDefault : <RuleName name={rule} set={set} />}
        </span>
        {log !== null && (
          <span className="text-ink-2">
            {rulesText.loggedBy} <RuleName name={log} set={set} />
          </span>
        )}
      </h3>
      {shadowed.length > 0 && (
        <p className="flex flex-wrap gap-x-3 gap-y-0.5 border-line-1 border-b py-1.5 text-12 text-ink-2">
          <span className="text-muted">{rulesText.shadowedRules}</span>
          {shadowed.map((name) => (
            <RuleName key={name} name={name} set={set} />
          ))}
        </p>
      )}
      <table
        aria-label={rulesText.lookups}
        className="w-full table-fixed border-separate border-spacing-0 text-12"
      >
        <thead>
          <tr>
            <th scope="col" className={`${head} w-24`}>
              {rulesText.table}
            </th>
            <th scope="col" className={head}>
              {rulesText.lookupKey}
            </th>
            <th scope="col" className={head}>
              {rulesText.lookupValue}
            </th>
          </tr>
        </thead>
        <tbody>
          {lookups.map(({ table, key, value }) => (
            <tr key={`${table} ${key}`}>
              <td className={`${cell} text-ink-2`} title={mapTitles[table]}>
                {table}
              </td>
              <td className={`${cell} code break-words`}>{key}</td>
              <td className={`${cell} code break-words`}>
                {value ?? <span className="font-sans text-muted">{rulesText.lookupMiss}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Links to a rule; a rule of the staged set opens in the editor. */
function RuleName({ name, set }: { name: string; set: RuleSetName }) {
  const page = set === 'active' ? '/rules' : '/rules/editor';
  return (
    <Link
      href={`${page}?rule=${encodeURIComponent(name)}`}
      prefetch={false}
      className="link font-[550] text-ink-1"
    >
      {name}
    </Link>
  );
}
