'use client';

import { MissingResourceNotice } from '../../_components/missing-resource.tsx';
import { ApiError } from '../../_lib/api.ts';
import { BpfObjectHeaderSkeleton } from '../_components/bpf-object-header-skeleton.tsx';
import { useProgram } from '../program-queries.ts';
import { programsText } from '../text.ts';
import { InstructionListing } from './instruction-listing.tsx';
import { ProgramAttachments } from './program-attachments.tsx';
import { ProgramDetails } from './program-details.tsx';
import { ProgramPageHeader } from './program-page-header.tsx';

/** Page of a program: owner, cost, attach points, maps and instructions. */
export function ProgramPage({ id }: { id: number }) {
  const { data: program, error, refetch } = useProgram(id);
  const gone = error instanceof ApiError && error.status === 404;
  if (program !== undefined && program.id === id)
    return (
      <>
        <ProgramPageHeader program={program} gone={gone} />
        <div className="grid grid-cols-[minmax(0,1fr)_400px] grid-rows-[auto_1fr] gap-y-4 px-(--gutter) pb-8 max-xl:grid-cols-1 max-xl:grid-rows-none">
          <ProgramAttachments program={program} />
          <div className="min-w-0 xl:row-span-2 xl:ml-4 xl:border-line-1 xl:border-l xl:pl-4">
            <ProgramDetails program={program} />
          </div>
          <InstructionListing program={program} />
        </div>
      </>
    );
  if (error === null) return <BpfObjectHeaderSkeleton what="program" />;
  return (
    <div className="p-(--gutter)">
      <h1 className="sr-only">{programsText.programTitle(id)}</h1>
      <MissingResourceNotice
        error={error}
        gone={gone ? programsText.programNotFound : null}
        list={{ href: '/programs', words: programsText.allPrograms }}
        retry={() => void refetch()}
      />
    </div>
  );
}
