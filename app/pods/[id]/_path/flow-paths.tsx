import { type Flow, isSharedFlow } from './flows.ts';
import css from './path.module.css';
import { dashWidth, trackWidth } from './svg-shapes.ts';
import type { RateBounds } from './traffic-split.ts';
import type { FlowStretch } from './wide-layout.ts';

/**
 * The tracks, as wide as what runs on them; one that carries nothing is a dotted hairline. What may run on one,
 * but is not certain, is drawn without the moving dashes.
 */
export function FlowPaths(props: { stretches: FlowStretch[]; rates: Record<Flow, RateBounds | null> }) {
  return props.stretches.map(({ id, d, over }) => {
    const rate = props.rates[id];
    const certain = rate !== null && rate.atLeast > 0;
    const width = rate === null ? null : trackWidth(certain ? rate.atLeast : rate.atMost);
    return (
      <g key={id} data-flow={id} className={isSharedFlow(id) ? css.all : undefined}>
        {over !== undefined && <path className={css.halo} d={over} />}
        {width === null ? (
          <path className={css.none} d={d} />
        ) : (
          <>
            <path className={css.track} d={d} strokeWidth={width} />
            {certain && (
              <path
                className={css.flow}
                data-direction={id.endsWith('-egress') ? 'egress' : 'ingress'}
                d={d}
                strokeWidth={dashWidth(width)}
              />
            )}
          </>
        )}
      </g>
    );
  });
}

/** Arrow heads, drawn last so that nothing covers them. */
export function FlowArrows({ stretches }: { stretches: FlowStretch[] }) {
  return stretches.map(
    ({ id, arrow }) =>
      arrow !== null && (
        <g key={id} className={isSharedFlow(id) ? css.all : undefined}>
          <path className={css.head} d={arrow} />
        </g>
      ),
  );
}
