/** One measured figure: the line that --json prints. `min` and `max` are over the runs, `value` is their median or mean. */
export interface Figure {
  bench: string;
  metric: string;
  value: number;
  unit: string;
  min: number;
  max: number;
  runs: number;
  /** What we are compared with, measured in the same run, interleaved. */
  peer?: string;
  peerValue?: number;
  /** Ours ÷ the peer's. */
  ratio?: number;
  /** What else tells this figure from others of the same metric: env, devices, path… */
  [dimension: string]: string | number | undefined;
}

export type Report = (figure: Figure) => void;

const columns = ['metric', 'value', 'unit', 'min', 'max', 'runs', 'peer', 'peerValue', 'ratio'];

const round = (value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);

/** A report that prints one JSON object a line as figures come. */
export const jsonLines = (write: (text: string) => void): Report => {
  return (figure) => write(`${JSON.stringify(figure)}\n`);
};

/** Figures of one bench as a table, its dimensions before the metric's columns; empty columns are left out. */
export function table(figures: Figure[]): string {
  const dimensions = [...new Set(figures.flatMap((figure) => Object.keys(figure)))].filter(
    (key) => key !== 'bench' && !columns.includes(key),
  );
  const shown = [...dimensions, ...columns].filter((key) =>
    figures.some((figure) => figure[key] !== undefined),
  );
  const rows = [shown, ...figures.map((figure) => shown.map((key) => String(round(figure[key]) ?? '')))];
  const widths = shown.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Median, least and greatest of a metric's runs, ready to be spread into a figure. */
export function summary(values: number[]): Pick<Figure, 'value' | 'min' | 'max' | 'runs'> {
  if (values.length === 0) throw new Error('a figure needs at least one run');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const value = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { value, min: sorted[0]!, max: sorted.at(-1)!, runs: values.length };
}
