import type { PodSummary } from '../../../../contract/pod.ts';
import { quantity, scaled, thinSpace } from '../../../_lib/format.ts';

/** A live value beside a label: full spaces, since its digits change every second. */
export const withFullSpaces = (text: string): string => text.replaceAll(thinSpace, '\u00a0');

/** Whether a netkit device's programs are on its primary: attach fallback. */
export const isAttachFallback = ({ kind, hooks }: Pick<PodSummary, 'kind' | 'hooks'>): boolean =>
  kind === 'netkit' && hooks !== 'netkit';

/** A value in a chart's head: `17.6 k`; `n/a` where there is none. */
export const chartValueLabel = (value: number | null | undefined): string =>
  value === null || value === undefined ? 'n/a' : withFullSpaces(quantity(value));

/** A label of a scale, whose values are round: `20 k`, not `20.0 k`. */
export function axisLabel(value: number): string {
  const { digits, prefix } = scaled(value);
  return prefix === '' ? `${Number(value.toPrecision(2))}` : `${Number(digits)}\u00a0${prefix}`;
}
