'use client';

import Link from 'next/link';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { Skeleton } from '../../_components/skeleton.tsx';
import { ApiError } from '../../_lib/api.ts';
import { useProgram } from '../../_lib/programs.ts';
import { Attachments } from './attachments.tsx';
import { Listing } from './listing.tsx';
import { ProgramDetails } from './program-details.tsx';
import { ProgramHead } from './program-head.tsx';

/** One program: whose it is, what it costs, where it runs, what it uses and what it does. */
export function ProgramPage({ id }: { id: number }) {
  const { data: program, error, refetch } = useProgram(id);
  const gone = error instanceof ApiError && error.status === 404;
  if (program !== undefined && program.id === id)
    return (
      <>
        <ProgramHead program={program} gone={gone} />
        <div className="grid grid-cols-[minmax(0,1fr)_400px] grid-rows-[auto_1fr] gap-y-4 px-(--gutter) pb-8 max-xl:grid-cols-1 max-xl:grid-rows-none">
          <Attachments program={program} />
          <div className="min-w-0 xl:row-span-2 xl:ml-4 xl:border-line-1 xl:border-l xl:pl-4">
            <ProgramDetails program={program} />
          </div>
          <Listing program={program} />
        </div>
      </>
    );
  if (error === null) return <HeadSkeleton />;
  return (
    <div className="p-(--gutter)">
      <h1 className="sr-only">Program {id}</h1>
      {gone ? (
        <EmptyState
          title="No such program"
          action={
            <Button asChild>
              <Link href="/programs">All programs of this node</Link>
            </Button>
          }
        >
          <p>{error.message}</p>
          {error.hint !== undefined && <p className="mt-1">{error.hint}</p>}
        </EmptyState>
      ) : (
        <ErrorState error={error} retry={() => void refetch()} />
      )}
    </div>
  );
}

const HeadSkeleton = () => (
  <div className="border-line-1 border-b px-(--gutter) py-3" aria-busy="true">
    <p className="sr-only">Reading the program</p>
    <div className="flex h-6 items-center">
      <Skeleton className="h-3! w-56" />
    </div>
    <div className="mt-1 flex h-5 items-center">
      <Skeleton className="w-96 max-w-full" />
    </div>
  </div>
);
