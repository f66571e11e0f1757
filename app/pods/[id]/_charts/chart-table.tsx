import { clock } from '../../../_lib/format.ts';
import { focusableRegion } from '../focusable-region.ts';
import css from './chart.module.css';
import type { ChartPoint } from './chart-points.ts';
import { chartsText, chartTableLabel } from './text.ts';

/** Column of the table that a chart can be replaced by. */
export interface Column {
  label: string;
  value: (point: ChartPoint) => string;
}

/** Most rows of the table. */
const maxRows = 120;

/** Values of a chart as a table, newest first. */
export function ChartTable({
  title,
  points,
  columns,
}: {
  title: string;
  points: ChartPoint[];
  columns: Column[];
}) {
  return (
    <div className={css.table} {...focusableRegion(chartTableLabel(title))}>
      <table>
        <thead>
          <tr>
            <th scope="col">{chartsText.time}</th>
            {columns.map(({ label }) => (
              <th key={label} scope="col">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points
            .slice(-maxRows)
            .reverse()
            .map((point) => (
              <tr key={point.time}>
                <td>{clock(point.time)}</td>
                {columns.map(({ label, value }) => (
                  <td key={label}>{value(point)}</td>
                ))}
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
