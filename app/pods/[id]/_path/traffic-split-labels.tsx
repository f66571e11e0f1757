import Link from 'next/link';
import type { CSSProperties } from 'react';
import { Figure } from './figure.tsx';
import css from './path.module.css';
import type { PathView } from './path-view.ts';
import { isExactRate, type RateBounds } from './traffic-split.ts';

const noSample = 'No sample of this pod yet';
const split =
  'Redirects are counted at the sender only, so this is a range while both paths are in use';

/** Rates of redirected packets, or a note that redirect is off on this node. */
export function RedirectLabel({ view, style }: { view: PathView; style: CSSProperties }) {
  const { redirect, ways } = view;
  const still = (ways.redirected ?? 0) > 0 || (ways.ingressRedirected?.atLeast ?? 0) > 0;
  return (
    <div className={css.words} style={style} data-redirect={redirect ? 'on' : 'off'}>
      <b className={redirect ? 'text-kind-text!' : ''}>Redirect{!redirect && ' off'}</b>
      {redirect || still ? (
        <>
          <span data-slot="" title="Redirected by this pod’s program to other pods of the node">
            <Figure value={ways.redirected} unit="pps out" reason={noSample} />
          </span>
          <span data-slot="" title="Redirected to this pod by the programs of other pods">
            <BoundedFigure value={ways.ingressRedirected} unit="in" />
          </span>
        </>
      ) : (
        <span className="text-muted">
          on this node,{' '}
          <Link className="link" href="/settings#redirect">
            see settings
          </Link>
        </span>
      )}
    </div>
  );
}

/** What the host's stack carries between the pods of the node. */
export function HostRouteLabel({ view: { ways }, style }: { view: PathView; style: CSSProperties }) {
  return (
    <div
      className={css.words}
      style={style}
      title="What the other pods of the node get from the host’s stack, and give to it, all of them together"
    >
      <span className="text-muted">all pods</span>
      <span data-slot="">
        <BoundedFigure value={ways.hostToPods} unit="pps out" />
      </span>
      <span data-slot="">
        <Figure value={ways.podsToHost} unit="in" reason={noSample} />
      </span>
    </div>
  );
}

/** What is certain of it; else what it cannot be more than. As the track is drawn. */
export function BoundedFigure({ value, unit }: { value: RateBounds | null; unit: string }) {
  if (value === null || isExactRate(value))
    return <Figure value={value?.atMost ?? null} unit={unit} reason={noSample} />;
  const certain = value.atLeast > 0;
  return (
    <span title={split}>
      <span className="text-muted">{certain ? '≥' : '≤'}&nbsp;</span>
      <Figure value={certain ? value.atLeast : value.atMost} unit={unit} reason={noSample} />
    </span>
  );
}
