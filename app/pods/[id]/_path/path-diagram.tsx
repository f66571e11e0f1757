'use client';

import type { ReactNode } from 'react';
import { useElementWidth } from '../../../_lib/use-element-width.ts';
import { fallbackHookFamily } from './device-facts.ts';
import { describePath } from './path-description.ts';
import type { PathView } from './path-view.ts';
import { pathLabel } from './text.ts';
import { UprightDiagram } from './upright-diagram.tsx';
import { WideDiagram } from './wide-diagram.tsx';
import { minWideWidth } from './wide-layout.ts';

/** Path of this pod's packets, hop by hop: from left to right in a wide window, else from top to bottom. */
export function PathDiagram({ name, view }: { name: string; view: PathView }) {
  const [ref, width] = useElementWidth<HTMLDivElement>();
  return (
    <div ref={ref}>
      {width > 0 && (
        <Figure name={name} view={view}>
          {width >= minWideWidth ? (
            <WideDiagram view={view} width={width} />
          ) : (
            <UprightDiagram view={view} width={width} />
          )}
        </Figure>
      )}
    </div>
  );
}

function Figure({ name, view, children }: { name: string; view: PathView; children: ReactNode }) {
  const kind = view.device?.kind ?? 'observed';
  const fallbackFamily = view.device === null ? null : fallbackHookFamily(view.device);
  return (
    <figure
      aria-label={pathLabel(name, view.device?.kind ?? null, fallbackFamily)}
      data-path-kind={view.device?.kind ?? 'none'}
      className={`kind-${kind}`}
    >
      {children}
      <figcaption className="sr-only">
        <ol>
          {describePath(view).map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its position on the path
            <li key={index}>{line}</li>
          ))}
        </ol>
      </figcaption>
    </figure>
  );
}
