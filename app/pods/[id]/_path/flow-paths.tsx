import { type Flow, isShared } from './flows.ts';
import css from './path.module.css';
import { flowWidth, trackWidth } from './svg-shapes.ts';
import type { Bounds } from './traffic-split.ts';
import type { Stretch } from './wide-layout.ts';

/**
 * The tracks, as wide as what runs on them; one that carries nothing is a dotted hairline. What may run on one,
 * but is not certain, is drawn without the moving dashes.
 */
export function Tracks(props: { stretches: Stretch[]; rates: Record<Flow, Bounds | null> }) {
  return props.stretches.map(({ id, d, over }) => {
    const rate = props.rates[id];
    const certain = rate !== null && rate.atLeast > 0;
    const width = rate === null ? null : trackWidth(certain ? rate.atLeast : rate.atMost);
    return (
      <g key={id} data-flow={id} className={isShared(id) ? css.all : undefined}>
        {over !== undefined && <path className={css.halo} d={over} />}
        {width === null ? (
          <path className={css.none} d={d} />
        ) : (
          <>
            <path className={css.track} d={d} strokeWidth={width} />
            {certain && (
              <path
                className={css.flow}
                data-direction={id.endsWith('-out') ? 'out' : 'in'}
                d={d}
                strokeWidth={flowWidth(width)}
              />
            )}
          </>
        )}
      </g>
    );
  });
}

/** Arrow heads, drawn last so that nothing covers them. */
export function Arrows({ stretches }: { stretches: Stretch[] }) {
  return stretches.map(
    ({ id, arrow }) =>
      arrow !== null && (
        <g key={id} className={isShared(id) ? css.all : undefined}>
          <path className={css.head} d={arrow} />
        </g>
      ),
  );
}
