import { formatClockTime } from '../../../_lib/format.ts';
import { focusableRegionProps } from '../focusable-region.ts';
import css from './chart.module.css';
import type { ChartPoint } from './join-rates-and-cpu.ts';
import { chartsText, formatChartTableLabel } from './text.ts';

/** Column of the table that can be shown in place of a chart. */
export interface ChartTableColumn {
  label: string;
  value: (point: ChartPoint) => string;
}

/** Maximum number of rows of the table that can be shown in place of a chart. */
const maxRows = 120;

/** Shows the values of a chart as a table, newest first. */
export function ChartTable({
  title,
  points,
  columns,
}: {
  title: string;
  points: ChartPoint[];
  columns: ChartTableColumn[];
}) {
  return (
    <div className={css.table} {...focusableRegionProps(formatChartTableLabel(title))}>
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
                <td>{formatClockTime(point.time)}</td>
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
