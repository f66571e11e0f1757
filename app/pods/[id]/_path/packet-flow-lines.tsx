import type { PacketFlowLine } from './horizontal-layout.ts';
import { isSharedPacketFlow, type PacketFlow } from './packet-flows.ts';
import css from './path.module.css';
import type { RateBounds } from './rates-by-path.ts';
import { computeFlowDashWidth, computeFlowLineWidth } from './svg-shapes.ts';

/**
 * Draws packet flows as lines whose width depends on the packet rate; a line without packets is dotted. A rate known
 * only as an upper bound is drawn without moving dashes.
 */
export function PacketFlowLines(props: {
  stretches: PacketFlowLine[];
  rates: Record<PacketFlow, RateBounds | null>;
}) {
  return props.stretches.map(({ id, d, over }) => {
    const rate = props.rates[id];
    const isMeasured = rate !== null && rate.atLeast > 0;
    const width = rate === null ? null : computeFlowLineWidth(isMeasured ? rate.atLeast : rate.atMost);
    return (
      <g key={id} data-flow={id} className={isSharedPacketFlow(id) ? css.all : undefined}>
        {over !== undefined && <path className={css.halo} d={over} />}
        {width === null ? (
          <path className={css.none} d={d} />
        ) : (
          <>
            <path className={css.track} d={d} strokeWidth={width} />
            {isMeasured && (
              <path
                className={css.flow}
                data-direction={id.endsWith('-egress') ? 'egress' : 'ingress'}
                d={d}
                strokeWidth={computeFlowDashWidth(width)}
              />
            )}
          </>
        )}
      </g>
    );
  });
}

/** Draws the arrowheads of the packet flows. Render it last, so that nothing covers them. */
export function PacketFlowArrows({ stretches }: { stretches: PacketFlowLine[] }) {
  return stretches.map(
    ({ id, arrow }) =>
      arrow !== null && (
        <g key={id} className={isSharedPacketFlow(id) ? css.all : undefined}>
          <path className={css.head} d={arrow} />
        </g>
      ),
  );
}
