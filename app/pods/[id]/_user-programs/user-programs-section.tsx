'use client';

import Link from 'next/link';
import { lazy, Suspense, useState } from 'react';
import type { UserProgram } from '../../../../contract/build.ts';
import { maxUserPrograms } from '../../../../contract/limits.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { ButtonWithReason } from '../../../_components/button-with-reason.tsx';
import { ErrorState } from '../../../_components/error-state.tsx';
import { ValueSkeleton } from '../../../_components/skeleton.tsx';
import { showToast } from '../../../_components/toast.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { formatClockTime } from '../../../_lib/format.ts';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import {
  formatMaxProgramsReason,
  formatProgramDetachedTitle,
  formatProgramNotDetachedTitle,
  formatProgramOrder,
  formatProgramRunPosition,
  userProgramsText,
} from './text.ts';
import { useDetachUserProgram, useUserPrograms } from './user-program-queries.ts';

const AttachSheet = lazy(async () => ({
  default: (await import('./attach-sheet.tsx')).AttachUserProgramSheet,
}));

/** Shows the programs that users attached to this pod, and the buttons that attach and detach them. */
export function UserProgramsSection({ pod }: { pod: Pod }) {
  const gone = pod.state === 'gone';
  const { data: programs, error, refetch } = useUserPrograms(pod.id, !gone);
  const [open, setOpen] = useState(false);
  const missingRole = useMissingRoleReason('admin');
  const reason = gone
    ? userProgramsText.podGone
    : pod.device === null
      ? userProgramsText.noDevice
      : pod.state === 'migrating'
        ? userProgramsText.migrating
        : (programs?.length ?? 0) >= maxUserPrograms
          ? formatMaxProgramsReason(maxUserPrograms)
          : missingRole;
  return (
    <section
      aria-labelledby="user-programs"
      aria-busy={programs === undefined && error === null}
      className="mt-4 min-w-0"
    >
      <div className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1 max-md:pb-1.5">
        <h2 id="user-programs" className="font-semibold">
          {userProgramsText.title}
        </h2>
        <span className="text-12 text-muted">{userProgramsText.subtitle}</span>
        <span className="flex-1" />
        <ButtonWithReason reason={reason} onClick={() => setOpen(true)}>
          {userProgramsText.attach}
        </ButtonWithReason>
      </div>
      <div className="border-line-2 border-t">
        {programs !== undefined ? (
          <ul>
            {programs.map((program) => (
              <UserLine key={program.number} pod={pod} program={program} refused={missingRole !== null} />
            ))}
            {programs.length === 0 && (
              <li className="flex min-h-9 items-center border-line-1 border-b text-12 text-ink-2">
                {userProgramsText.none}
              </li>
            )}
          </ul>
        ) : gone ? (
          <p className="flex h-9 items-center text-12 text-ink-2">{userProgramsText.goneWithPod}</p>
        ) : error !== null ? (
          <div className="pt-3">
            <ErrorState error={error} retry={() => void refetch()} />
          </div>
        ) : (
          <span className="flex h-9 items-center">
            <ValueSkeleton className="w-80 max-w-full" />
          </span>
        )}
      </div>
      {open && (
        <Suspense fallback={null}>
          <AttachSheet pod={pod} close={() => setOpen(false)} />
        </Suspense>
      )}
    </section>
  );
}

interface LineProps {
  pod: Pod;
  program: UserProgram;
  refused: boolean;
}

function UserLine({ pod, program, refused }: LineProps) {
  const { name, hook, place, section, position, attached, actor, attachedAt, maps } = program;
  return (
    <li className="flex min-h-9 flex-wrap items-center gap-x-3 gap-y-1 border-line-1 border-b py-1">
      <span className="code text-kind-text kind-observed">{hook}</span>
      <Link href={`/programs/${program.program.id}`} prefetch={false} className="link font-semibold">
        {name}
      </Link>
      <span className="text-12 text-ink-2">
        {attached ? (
          <>
            {formatProgramOrder(place)}
            {position !== null && `, ${formatProgramRunPosition(position)}`}
          </>
        ) : (
          <span className="inline-flex items-center gap-1.5">
            <WarningIcon /> {userProgramsText.detachedByOthers}
          </span>
        )}
      </span>
      <span className="text-12 text-muted">
        <span className="code">{section}</span>, by {actor}, {formatClockTime(Date.parse(attachedAt))}
        {maps.length > 0 && (
          <>
            {userProgramsText.maps}{' '}
            {maps.map((map, index) => (
              <span key={map.id}>
                {index > 0 && ', '}
                <Link href={`/programs/maps/${map.id}`} prefetch={false} className="code link">
                  {map.name}
                </Link>
              </span>
            ))}
          </>
        )}
      </span>
      <span className="flex-1" />
      <Detach pod={pod} program={program} refused={refused} />
    </li>
  );
}

function Detach({ pod, program, refused }: LineProps) {
  const detach = useDetachUserProgram(pod);
  const [isConfirming, setConfirming] = useState(false);
  const confirm = () =>
    detach.mutate(program.number, {
      onSuccess: () => showToast({ tone: 'done', title: formatProgramDetachedTitle(program.name) }),
      onError: ({ message }) =>
        showToast({ tone: 'failed', title: formatProgramNotDetachedTitle(program.name), detail: message }),
    });
  if (!isConfirming)
    return (
      <Button size="small" look="quiet" disabled={refused} onClick={() => setConfirming(true)}>
        {userProgramsText.detach}
      </Button>
    );
  return (
    <span className="inline-flex gap-2">
      <Button size="small" look="destructive" disabled={detach.isPending} onClick={confirm}>
        {userProgramsText.detachNow}
      </Button>
      <Button size="small" onClick={() => setConfirming(false)}>
        {userProgramsText.keep}
      </Button>
    </span>
  );
}
