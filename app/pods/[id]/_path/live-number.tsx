import { scaleToSiPrefix } from '../../../_lib/format.ts';

/**
 * Shows a live number in a text: digits, then a muted prefix and unit; an unknown value is `n/a` with the reason as
 * its title.
 */
export function LiveNumber({ value, unit, reason }: { value: number | null; unit: string; reason: string }) {
  if (value === null || Number.isNaN(value))
    return (
      <span className="text-muted" title={reason}>
        n/a
      </span>
    );
  const { digits, prefix } = scaleToSiPrefix(value);
  const gap = prefix !== '' && unit !== 'bit/s' ? '\u00a0' : '';
  return (
    <>
      {digits}
      <span className="text-muted">
        {'\u00a0'}
        {prefix}
        {gap}
        {unit}
      </span>
    </>
  );
}
