'use client';

import type { ReactNode } from 'react';
import { useElementWidth } from '../../../_lib/use-element-width.ts';
import { findFallbackHookFamily } from './device-facts.ts';
import { HorizontalPathDiagram } from './horizontal-diagram.tsx';
import { minHorizontalPathWidth } from './horizontal-layout.ts';
import { describePacketPath } from './path-description.ts';
import type { PathDiagramData } from './path-diagram-types.ts';
import { formatPathDiagramLabel } from './text.ts';
import { VerticalPathDiagram } from './vertical-diagram.tsx';

/** Draws the path of a pod's packets hop by hop: from left to right in a wide window, otherwise from top to bottom. */
export function PacketPathDiagram({ name, view }: { name: string; view: PathDiagramData }) {
  const [ref, width] = useElementWidth<HTMLDivElement>();
  return (
    <div ref={ref}>
      {width > 0 && (
        <Figure name={name} view={view}>
          {width >= minHorizontalPathWidth ? (
            <HorizontalPathDiagram view={view} width={width} />
          ) : (
            <VerticalPathDiagram view={view} width={width} />
          )}
        </Figure>
      )}
    </div>
  );
}

function Figure({ name, view, children }: { name: string; view: PathDiagramData; children: ReactNode }) {
  const kind = view.device?.kind ?? 'observed';
  const fallbackFamily = view.device === null ? null : findFallbackHookFamily(view.device);
  return (
    <figure
      aria-label={formatPathDiagramLabel(name, view.device?.kind ?? null, fallbackFamily)}
      data-path-kind={view.device?.kind ?? 'none'}
      className={`kind-${kind}`}
    >
      {children}
      <figcaption className="sr-only">
        <ol>
          {describePacketPath(view).map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its position on the path
            <li key={index}>{line}</li>
          ))}
        </ol>
      </figcaption>
    </figure>
  );
}
