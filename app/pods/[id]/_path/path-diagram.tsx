'use client';

import type { ReactNode } from 'react';
import { useElementWidth } from '../../../_lib/use-element-width.ts';
import { fallbackHookFamily } from './device-facts.ts';
import { describePath } from './path-description.ts';
import type { PathView } from './path-view.ts';
import { UprightDiagram } from './upright-diagram.tsx';
import { WideDiagram } from './wide-diagram.tsx';
import { minWideWidth } from './wide-layout.ts';

/** The way of this pod's packets, hop by hop: from left to right where there is room, else from top to bottom. */
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
  const moved = view.device === null ? null : fallbackHookFamily(view.device);
  return (
    <figure
      aria-label={`Network path of ${name}, ${view.device?.kind ?? 'no device'}${moved === null ? '' : `, programs on ${moved}`}`}
      data-path-kind={view.device?.kind ?? 'none'}
      className={`kind-${kind}`}
    >
      {children}
      <figcaption className="sr-only">
        <ol>
          {describePath(view).map((line, stop) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the way
            <li key={stop}>{line}</li>
          ))}
        </ol>
      </figcaption>
    </figure>
  );
}
