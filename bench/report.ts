/** One measured figure, a line of `--json`: `value` is the median or mean of the runs between `min` and `max`. */
export interface BenchFigure {
  bench: string;
  metric: string;
  value: number;
  unit: string;
  min: number;
  max: number;
  runs: number;
  /** Name of the alternative that Podlane is compared with, measured in the same run by turns. */
  peer?: string;
  peerValue?: number;
  /** Podlane's value divided by the alternative's. */
  ratio?: number;
  /** Further dimensions that distinguish figures of the same metric, such as environment, device kind or path. */
  [dimension: string]: string | number | undefined;
}

export type BenchReporter = (figure: BenchFigure) => void;

const columns = ['metric', 'value', 'unit', 'min', 'max', 'runs', 'peer', 'peerValue', 'ratio'];

const round = (value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);

/** Returns a reporter that writes each figure as one line of JSON. */
export const createJsonLinesReporter = (write: (text: string) => void): BenchReporter => {
  return (figure) => write(`${JSON.stringify(figure)}\n`);
};

/** Formats the figures of one benchmark as a text table, with dimensions first and without empty columns. */
export function formatFigureTable(figures: BenchFigure[]): string {
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

/** Returns the median, minimum and maximum of a metric's runs as fields of a figure. */
export function summarizeRuns(values: number[]): Pick<BenchFigure, 'value' | 'min' | 'max' | 'runs'> {
  if (values.length === 0) throw new Error('a figure needs at least one run');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const value = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { value, min: sorted[0]!, max: sorted.at(-1)!, runs: values.length };
}
