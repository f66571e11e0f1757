'use client';

import { Undo2 } from 'lucide-react';
import { useState } from 'react';
import type { Build, DatapathBuildList } from '../../../contract/build.ts';
import { Button } from '../../_components/button.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { ActivateBuildSheet } from './activate-sheet.tsx';
import { AddBuildForm } from './add-build.tsx';
import { useBuilds } from './build-queries.ts';
import { BuildTable } from './build-table.tsx';
import { LastBuildActivation } from './last-activation.tsx';
import { shortenBuildId } from './short-build-id.ts';
import { buildsText } from './text.ts';
import { TrustedSignerList } from './trusted-signer-list.tsx';

/** Page of the datapath builds: the running, previous and other builds, and a form to add one. */
export function BuildsPage() {
  const { data, error, refetch } = useBuilds();
  const [chosen, choose] = useState<Build | null>(null);
  const missingRole = useMissingRoleReason('admin');
  const previous = data?.items.find((build) => build.previous);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_400px] px-(--gutter) py-4 pb-12 max-xl:grid-cols-1 max-xl:gap-y-6">
      <div className="min-w-0 xl:pr-6">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
          <div className="min-w-0 flex-1 basis-80">
            <h1 className="font-semibold text-20 tracking-[-.014em]">{buildsText.builds}</h1>
            <p className="mt-0.5 text-12 text-ink-2">{buildsText.buildsIntro}</p>
          </div>
          <Button
            disabled={previous === undefined || missingRole !== null}
            title={missingRole ?? (previous === undefined ? buildsText.noPreviousBuildReason : undefined)}
            onClick={() => previous !== undefined && choose(previous)}
          >
            <Undo2 aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
            {previous === undefined
              ? buildsText.noPreviousBuild
              : buildsText.rollBackTo(shortenBuildId(previous.sha256))}
          </Button>
        </div>
        {missingRole !== null && <p className="mt-1 text-12 text-ink-2">{missingRole}</p>}
        {data?.newer === true && (
          <NewerBuildNotice builds={data} choose={choose} refused={missingRole !== null} />
        )}
        <div className="mt-4" aria-busy={data === undefined && error === null}>
          {data !== undefined ? (
            <BuildTable builds={data.items} refused={missingRole !== null} activate={choose} />
          ) : error !== null ? (
            <ErrorState error={error} retry={() => void refetch()} />
          ) : (
            <span className="flex h-9 items-center border-line-2 border-t">
              <ValueSkeleton className="w-96 max-w-full" />
            </span>
          )}
        </div>
        {data?.activation != null && <LastBuildActivation activation={data.activation} />}
      </div>
      <div className="min-w-0 xl:border-line-1 xl:border-l xl:pl-6">
        <AddBuildForm refused={missingRole} />
        <TrustedSignerList />
      </div>
      {chosen !== null && data !== undefined && (
        <ActivateBuildSheet build={chosen} builds={data} close={() => choose(null)} />
      )}
    </div>
  );
}

interface NewerProps {
  builds: DatapathBuildList;
  choose: (build: Build) => void;
  refused: boolean;
}

/**
 * Notice that the build bundled with an upgraded agent is inactive, because another build had been activated before.
 */
function NewerBuildNotice({ builds, choose, refused }: NewerProps) {
  const installed = builds.items.find((build) => build.installed);
  if (installed === undefined) return null;
  return (
    <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-2 border-line-2 border-y py-2">
      <WarningIcon />
      <p className="min-w-0 flex-1 basis-72">
        {buildsText.newerBuild} <span className="code">{shortenBuildId(installed.sha256)}</span>
        {buildsText.newerBuildDetail}
      </p>
      <Button disabled={refused} onClick={() => choose(installed)}>
        {buildsText.activateDialog}
      </Button>
    </div>
  );
}
