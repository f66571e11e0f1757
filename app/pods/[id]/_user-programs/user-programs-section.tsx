'use client';

import Link from 'next/link';
import { useState } from 'react';
import type { UserProgram } from '../../../../contract/build.ts';
import { maxUserPrograms } from '../../../../contract/limits.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { ErrorState } from '../../../_components/error-state.tsx';
import { Skeleton } from '../../../_components/skeleton.tsx';
import { notify } from '../../../_components/toast.tsx';
import { WarningSign } from '../../../_components/warning-sign.tsx';
import { clock } from '../../../_lib/format.ts';
import { useMissingRole } from '../../../_lib/session-queries.ts';
import { AttachSheet } from './attach-sheet.tsx';
import { useDetachUserProgram, useUserPrograms } from './user-program-queries.ts';

/** Programs that users brought to this pod, and what attaches and detaches them. */
export function UserProgramsSection({ pod }: { pod: Pod }) {
  const gone = pod.state === 'gone';
  const { data: programs, error, refetch } = useUserPrograms(pod.id, !gone);
  const [open, setOpen] = useState(false);
  const lacks = useMissingRole('admin');
  const reason = gone
    ? 'The pod is gone.'
    : pod.device === null
      ? 'The pod has no device.'
      : pod.state === 'migrating'
        ? 'A migration of this pod is running.'
        : (programs?.length ?? 0) >= maxUserPrograms
          ? `A pod has at most ${maxUserPrograms}.`
          : lacks;
  return (
    <section
      aria-labelledby="user-programs"
      aria-busy={programs === undefined && error === null}
      className="mt-4 min-w-0"
    >
      <div className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1">
        <h2 id="user-programs" className="font-semibold">
          Users’ programs
        </h2>
        <span className="text-12 text-muted">beside Podlane’s, with a life of their own</span>
        <span className="flex-1" />
        {reason !== null && <p className="text-12 text-muted">{reason}</p>}
        <Button
          size="small"
          className="max-md:h-(--control)"
          disabled={reason !== null}
          onClick={() => setOpen(true)}
        >
          Attach a program…
        </Button>
      </div>
      <div className="border-line-2 border-t">
        {programs !== undefined ? (
          <ul>
            {programs.map((program) => (
              <UserLine key={program.number} pod={pod} program={program} refused={lacks !== null} />
            ))}
            {programs.length === 0 && (
              <li className="flex min-h-9 items-center border-line-1 border-b text-12 text-ink-2">
                None. A compiled object with a program for this hook can be put before or after Podlane’s.
              </li>
            )}
          </ul>
        ) : gone ? (
          <p className="flex h-9 items-center text-12 text-ink-2">They went with the pod.</p>
        ) : error !== null ? (
          <div className="pt-3">
            <ErrorState error={error} retry={() => void refetch()} />
          </div>
        ) : (
          <span className="flex h-9 items-center">
            <Skeleton className="w-80 max-w-full" />
          </span>
        )}
      </div>
      {open && <AttachSheet pod={pod} close={() => setOpen(false)} />}
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
            {place} Podlane’s{position !== null && `, ${ordinal(position)}`}
          </>
        ) : (
          <span className="inline-flex items-center gap-1.5">
            <WarningSign /> taken off its hook by somebody
          </span>
        )}
      </span>
      <span className="text-12 text-muted">
        <span className="code">{section}</span>, by {actor}, {clock(Date.parse(attachedAt))}
        {maps.length > 0 && (
          <>
            , maps{' '}
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

const ordinal = (position: number): string =>
  `runs ${position === 0 ? 'first' : `as number ${position + 1}`}`;

function Detach({ pod, program, refused }: LineProps) {
  const detach = useDetachUserProgram(pod);
  const [sure, setSure] = useState(false);
  const go = () =>
    detach.mutate(program.number, {
      onSuccess: () => notify({ tone: 'done', title: `${program.name} detached` }),
      onError: ({ message }) =>
        notify({ tone: 'failed', title: `${program.name} was not detached`, detail: message }),
    });
  if (!sure)
    return (
      <Button size="small" look="quiet" disabled={refused} onClick={() => setSure(true)}>
        Detach…
      </Button>
    );
  return (
    <span className="inline-flex gap-2">
      <Button size="small" look="destructive" disabled={detach.isPending} onClick={go}>
        Detach
      </Button>
      <Button size="small" onClick={() => setSure(false)}>
        Keep
      </Button>
    </span>
  );
}
