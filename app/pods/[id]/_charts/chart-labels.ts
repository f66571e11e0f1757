import { formatQuantity, scaleToSiPrefix, widenNarrowSpaces } from '../../../_lib/format.ts';
import { chartsText } from './text.ts';

/** Formats a value in a chart's header: `17.6 k`, or `n/a` if the value is unknown. */
export const formatChartHeaderValue = (value: number | null | undefined): string =>
  value === null || value === undefined ? chartsText.unknown : widenNarrowSpaces(formatQuantity(value));

/** Formats a label of a chart's scale, whose values are round: `20 k`, not `20.0 k`. */
export function formatChartAxisLabel(value: number): string {
  const { digits, prefix } = scaleToSiPrefix(value);
  return prefix === '' ? `${Number(value.toPrecision(2))}` : `${Number(digits)}\u00a0${prefix}`;
}
