import { scaleToSiPrefix } from '../_lib/format.ts';
import { sharedText } from '../_text/shared.ts';

/**
 * Shows a number with three significant digits. The SI prefix has a fixed-width slot, so that digits align in a
 * column. NaN is shown as `n/a` with the reason in the title; 0 is muted.
 */
export function SiNumber({
  value,
  unknown = sharedText.noData,
  slot = true,
  className = '',
}: {
  value: number;
  unknown?: string;
  slot?: boolean;
  className?: string;
}) {
  if (Number.isNaN(value)) return <NotAvailableNumber reason={unknown} slot={slot} />;
  const { digits, prefix } = scaleToSiPrefix(value);
  return (
    <span className={`whitespace-nowrap tabular-nums ${value === 0 ? 'text-muted' : ''} ${className}`}>
      {digits}
      {slot ? (
        <span className="inline-block w-[13px] pl-[3px] text-left font-normal text-12 text-muted leading-none">
          {prefix}
        </span>
      ) : (
        prefix !== '' && <span className="pl-[3px] font-normal text-12 text-muted">{prefix}</span>
      )}
    </span>
  );
}

/** Shows a rate of dropped packets: muted at 0, bold red above 100 per second. */
export function DropRateNumber({ value }: { value: number }) {
  if (Number.isNaN(value)) return <NotAvailableNumber reason={sharedText.noData} slot={false} />;
  const tone = value === 0 ? 'text-muted' : value > 100 ? 'font-semibold text-signal-text' : '';
  return <SiNumber value={value} slot={false} className={tone} />;
}

/** Shows `n/a` in place of an unknown number, with the reason as its title. */
export function NotAvailableNumber({ reason, slot }: { reason: string; slot: boolean }) {
  return (
    <span className={`text-muted ${slot ? 'pr-[13px]' : ''}`} title={reason}>
      {sharedText.notAvailable}
    </span>
  );
}

/**
 * Shows a large number with its unit in a summary, e.g. `1.84 M packets/s`. `format` replaces the SI prefix, e.g. for
 * percentages.
 */
export function LargeNumber({
  value,
  unit,
  format,
}: {
  value: number;
  unit: string;
  format?: (value: number) => string;
}) {
  const known = !Number.isNaN(value);
  const { digits, prefix } = !known
    ? { digits: 'n/a', prefix: '' }
    : format !== undefined
      ? { digits: format(value), prefix: '' }
      : scaleToSiPrefix(value);
  const space = prefix === '' || unit.startsWith('bit') || unit === 'B' ? '' : ' ';
  return (
    <span
      title={known ? undefined : sharedText.noData}
      className="whitespace-nowrap font-[480] text-24 leading-8 tracking-[-.018em] tabular-nums"
    >
      <span className={known ? '' : 'text-muted'}>{digits}</span>
      <span className="ml-[3px] font-normal text-13 text-muted tracking-normal">
        {prefix}
        {space}
        {unit}
      </span>
    </span>
  );
}
