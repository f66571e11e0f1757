import { clock } from '../../../_lib/format.ts';
import { focusableRegion } from '../focusable-region.ts';
import css from './chart.module.css';
import type { ChartPoint } from './downsample.ts';

/** A column of the table that stands for a chart. */
export interface Column {
  label: string;
  value: (point: ChartPoint) => string;
}

const longest = 120;

/** The chart's numbers, newest first. */
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
    <div className={css.table} {...focusableRegion(`${title}, table`)}>
      <table>
        <thead>
          <tr>
            <th scope="col">time</th>
            {columns.map(({ label }) => (
              <th key={label} scope="col">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points
            .slice(-longest)
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
