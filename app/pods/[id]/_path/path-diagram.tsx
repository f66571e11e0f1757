'use client';

import type { ReactNode } from 'react';
import { useWidth } from '../../../_lib/use-element-width.ts';
import { movedHooks } from './device-facts.ts';
import { pathText } from './path-description.ts';
import { Upright } from './upright-diagram.tsx';
import type { PathView } from './path-view.ts';
import { narrowest } from './wide-layout.ts';
import { Wide } from './wide-diagram.tsx';

/** The way of this pod's packets, hop by hop: from left to right where there is room, else from top to bottom. */
export function PathDiagram({ name, view }: { name: string; view: PathView }) {
  const [ref, width] = useWidth<HTMLDivElement>();
  return (
    <div ref={ref}>
      {width > 0 && (
        <Figure name={name} view={view}>
          {width >= narrowest ? <Wide view={view} width={width} /> : <Upright view={view} width={width} />}
        </Figure>
      )}
    </div>
  );
}

function Figure({ name, view, children }: { name: string; view: PathView; children: ReactNode }) {
  const kind = view.device?.kind ?? 'observed';
  const moved = view.device === null ? null : movedHooks(view.device);
  return (
    <figure
      aria-label={`Network path of ${name}, ${view.device?.kind ?? 'no device'}${moved === null ? '' : `, programs on ${moved}`}`}
      data-path-kind={view.device?.kind ?? 'none'}
      className={`kind-${kind}`}
    >
      {children}
      <figcaption className="sr-only">
        <ol>
          {pathText(view).map((line, stop) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the way
            <li key={stop}>{line}</li>
          ))}
        </ol>
      </figcaption>
    </figure>
  );
}
