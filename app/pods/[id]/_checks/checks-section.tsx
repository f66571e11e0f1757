'use client';

import { lazy, Suspense, useState } from 'react';
import type { PacketChecks, PodPacketChecks } from '../../../../contract/packet-checks.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { ErrorState } from '../../../_components/error-state.tsx';
import { LabeledFact, LabeledFactList } from '../../../_components/labeled-fact.tsx';
import { ValueSkeleton } from '../../../_components/skeleton.tsx';
import { formatCount } from '../../../_lib/format.ts';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import { usePacketChecks } from './check-queries.ts';
import { LostPacketsTable } from './lost-packets-table.tsx';
import { checksText } from './text.ts';

const ChecksSheet = lazy(async () => ({
  default: (await import('./checks-sheet.tsx')).PacketChecksSheet,
}));

/** Shows the sources and frames that a pod may use, what it loses by that, and the button that changes it. */
export function PacketChecksSection({ pod }: { pod: Pod }) {
  const gone = pod.state === 'gone';
  const { data, error, refetch } = usePacketChecks(pod.id, !gone);
  const [open, setOpen] = useState(false);
  const missingRole = useMissingRoleReason('operator');
  return (
    <section
      aria-labelledby="packet-checks"
      aria-busy={data === undefined && error === null && !gone}
      className="mt-4 min-w-0"
    >
      <div className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1">
        <h2 id="packet-checks" className="font-semibold">
          {checksText.title}
        </h2>
        <span className="flex-1" />
        {data !== undefined && !gone && (
          <Button
            size="small"
            disabled={missingRole !== null}
            title={missingRole ?? undefined}
            onClick={() => setOpen(true)}
          >
            {checksText.change}
          </Button>
        )}
      </div>
      <div className="border-line-2 border-t pt-1.5">
        {data !== undefined ? (
          <>
            <Facts checks={data.checks} />
            <Lost lost={data.lost} />
          </>
        ) : gone ? (
          <p className="flex h-9 items-center text-12 text-ink-2">{checksText.gone}</p>
        ) : error !== null ? (
          <ErrorState error={error} retry={() => void refetch()} />
        ) : (
          <span className="flex h-9 items-center">
            <ValueSkeleton className="w-80" />
          </span>
        )}
      </div>
      {data !== undefined && open && (
        <Suspense fallback={null}>
          <ChecksSheet pod={pod} checks={data.checks} close={() => setOpen(false)} />
        </Suspense>
      )}
    </section>
  );
}

const Facts = ({ checks: { source, sourcePrefixes, ethertypes } }: { checks: PacketChecks }) => (
  <LabeledFactList>
    <LabeledFact label={checksText.source}>
      {source === 'off'
        ? checksText.off
        : sourcePrefixes.length === 0
          ? checksText.strict
          : checksText.strictWithPrefixes}
    </LabeledFact>
    {sourcePrefixes.length > 0 && (
      <LabeledFact label={checksText.prefixes}>
        <span className="code">{sourcePrefixes.join(', ')}</span>
      </LabeledFact>
    )}
    <LabeledFact label={checksText.ethertypes}>
      {ethertypes.length === 0 ? (
        checksText.noEthertypes
      ) : (
        <span className="code">{ethertypes.join(', ')}</span>
      )}
    </LabeledFact>
  </LabeledFactList>
);

function Lost({ lost }: { lost: PodPacketChecks['lost'] }) {
  const { spoofedSource, unknownProtocol } = lost.counted;
  if (spoofedSource + unknownProtocol === 0)
    return <p className="pt-1.5 text-12 text-muted">{checksText.nothingLost}</p>;
  return (
    <>
      <p className="py-1.5 text-12 text-ink-2">
        {checksText.counted(formatCount(spoofedSource), formatCount(unknownProtocol))}
      </p>
      <LostPacketsTable lost={lost} />
    </>
  );
}
