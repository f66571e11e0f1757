'use client';

import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { BpfProgram } from '../../../contract/program.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { formatCount } from '../../_lib/format.ts';
import { useProgramInstructions } from '../program-queries.ts';
import { programsText } from '../text.ts';
import {
  buildInstructionListingLines,
  formatInstructionListing,
  type InstructionListingLine,
} from './instruction-listing-lines.ts';

const lineHeight = 20;

/** Lists the translated instructions of a program, interleaved with its source lines. */
export function InstructionListing({ program }: { program: BpfProgram }) {
  const { data, error, refetch } = useProgramInstructions(program.id);
  const [source, setSource] = useState(true);
  const instructions = data?.instructions;
  const hasSource = useMemo(
    () => instructions?.some((each) => each.source !== null) === true,
    [instructions],
  );
  const lines = useMemo(
    () => buildInstructionListingLines(instructions ?? [], source),
    [instructions, source],
  );
  return (
    <section aria-labelledby="listing" className="min-w-0">
      <div className="flex min-h-8 flex-wrap items-center gap-x-3">
        <h2 id="listing" className="font-semibold">
          {programsText.translatedInstructions}
        </h2>
        {instructions !== undefined && instructions.length > 0 && (
          <>
            <span className="text-12 text-muted">
              {programsText.instructionCount(
                formatCount(instructions.length),
                !hasSource ? programsText.noSourceLines : '',
              )}
            </span>
            <span className="flex-1" />
            {hasSource && (
              <Button size="small" aria-pressed={source} onClick={() => setSource(!source)}>
                {source ? programsText.hideSource : programsText.showSource}
              </Button>
            )}
            <CopyButton text={formatInstructionListing(instructions)} what={programsText.copyListing} />
          </>
        )}
      </div>
      <div className="border-line-2 border-t">
        {data === undefined && error !== null ? (
          <div className="pt-3">
            <ErrorState error={error} retry={() => void refetch()} />
          </div>
        ) : data === undefined ? (
          <div className="grid gap-2 pt-3" aria-busy="true">
            {['max-w-80', 'max-w-64', 'max-w-96', 'max-w-72'].map((width) => (
              <ValueSkeleton key={width} className={`w-full ${width}`} />
            ))}
          </div>
        ) : data.unavailable !== null ? (
          <p className="py-2 text-ink-2">{data.unavailable}</p>
        ) : (
          <Lines lines={lines} />
        )}
      </div>
    </section>
  );
}

function Lines({ lines }: { lines: readonly InstructionListingLine[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [marked, setMarked] = useState<number | null>(null);
  const virtualizer = useVirtualizer({
    count: lines.length,
    estimateSize: () => lineHeight,
    getScrollElement: () => box.current,
    overscan: 30,
  });
  const go = (target: number): void => {
    const at = lines.findIndex((line) => line.kind === 'instruction' && line.instruction.index === target);
    if (at === -1) return;
    setMarked(target);
    virtualizer.scrollToIndex(at, { align: 'center' });
  };
  useFadingMark(marked, setMarked);
  return (
    <section
      ref={box}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
      tabIndex={0}
      aria-label={programsText.instructions}
      className="max-h-[640px] overflow-auto py-1"
    >
      <div
        className="relative min-w-fit font-mono text-[11.5px] leading-5 [font-feature-settings:'calt'_0]"
        style={{ height: virtualizer.getTotalSize() }}
      >
        {virtualizer.getVirtualItems().map(({ index, start }) => {
          const line = lines[index];
          if (line === undefined) return null;
          return (
            <div
              key={index}
              className={`absolute inset-x-0 whitespace-pre ${line.kind === 'instruction' && line.instruction.index === marked ? 'bg-accent-wash' : ''}`}
              style={{ top: start, height: lineHeight }}
            >
              <LineText line={line} go={go} />
            </div>
          );
        })}
      </div>
    </section>
  );
}

/** Clears the highlight of a jump target after three seconds. */
function useFadingMark(marked: number | null, setMarked: (marked: null) => void): void {
  useEffect(() => {
    if (marked === null) return;
    const timer = setTimeout(() => setMarked(null), 3000);
    return () => clearTimeout(timer);
  }, [marked, setMarked]);
}

function LineText({ line, go }: { line: InstructionListingLine; go: (target: number) => void }) {
  if (line.kind === 'function') return <span className="font-semibold text-ink-1">{line.name}:</span>;
  if (line.kind === 'source')
    return (
      <span className="text-accent-text" title={`${line.file}:${line.line}`}>
        {'      '}; {line.text}
        <span className="text-muted">
          {' '}
          {line.file.split('/').at(-1)}:{line.line}
        </span>
      </span>
    );
  const { index, text, target } = line.instruction;
  return (
    <>
      <span className="inline-block w-12 select-none pr-3 text-right text-muted tabular-nums">{index}</span>
      <span className="text-ink-1">{text}</span>
      {target !== null && (
        <button type="button" className="link ml-3 text-muted hover:text-ink-1" onClick={() => go(target)}>
          → {target}
        </button>
      )}
    </>
  );
}
