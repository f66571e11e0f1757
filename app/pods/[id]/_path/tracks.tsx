import css from './path.module.css';
import { flowWidth, trackWidth } from './shape.ts';
import type { EdgeRates } from './view.ts';
import type { Stretch } from './wide.ts';

/** The tracks, as wide as what runs on them; one that carries nothing is a dotted hairline. */
export function Tracks(props: { stretches: Stretch[]; rates: Record<Stretch['whose'], EdgeRates> }) {
  return props.stretches.map((stretch) => {
    const rate = props.rates[stretch.whose][stretch.direction];
    const width = rate === null ? null : trackWidth(rate);
    return (
      <g key={stretch.id} className={stretch.whose === 'pod' ? undefined : css.all}>
        {width === null ? (
          <path className={css.none} d={stretch.d} />
        ) : (
          <>
            <path className={css.track} d={stretch.d} strokeWidth={width} />
            <path
              className={css.flow}
              data-direction={stretch.direction}
              d={stretch.d}
              strokeWidth={flowWidth(width)}
            />
          </>
        )}
      </g>
    );
  });
}

/** Arrow heads, drawn last so that nothing covers them. */
export function Arrows({ stretches }: { stretches: Stretch[] }) {
  return stretches.map(
    ({ id, whose, arrow }) =>
      arrow !== null && (
        <g key={id} className={whose === 'pod' ? undefined : css.all}>
          <path className={css.head} d={arrow} />
        </g>
      ),
  );
}
