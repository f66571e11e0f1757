/** A number split into scaled digits and SI prefix. */

export interface ScaledNumber {
  digits: string;
  prefix: '' | 'k' | 'M' | 'G' | 'T' | 'P';
}

/** Narrow no-break space (U+202F), used between a number and its unit. */
export const narrowNoBreakSpace = '\u202f';

/** Replaces narrow no-break spaces by full ones, for live values whose digits change every second. */
export const widenNarrowSpaces = (text: string): string => text.replaceAll(narrowNoBreakSpace, '\u00a0');

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'] as const;

/**
 * Scales a number to three significant digits with a decimal SI prefix: 842, 9.64 k, 24.1 k, 1.02 M. Numbers from 10 to
 * 999 are rounded to whole numbers; smaller fractions have one decimal.
 */
export function scaleToSiPrefix(value: number): ScaledNumber {
  const magnitude = Math.abs(value);
  const sign = value < 0 ? '-' : '';
  if (magnitude < 9.95) return { digits: sign + small(magnitude), prefix: '' };
  if (magnitude < 999.5) return { digits: sign + Math.round(magnitude).toString(), prefix: '' };
  let exponent = 1;
  let rest = magnitude / 1000;
  // 999,500 rounds to 1.00 M, not to 1000 k.
  while (rest >= 999.5 && exponent < prefixes.length - 1) {
    rest /= 1000;
    exponent += 1;
  }
  return { digits: sign + threeDigits(rest), prefix: prefixes[exponent] ?? 'P' };
}

/** Formats a number with SI prefix and unit: `1.84 M pps`, `842 bit/s`, `24.1 k`. */
export function formatQuantity(value: number, unit = ''): string {
  const { digits, prefix } = scaleToSiPrefix(value);
  if (unit.length > 0 && unit !== 'pps') return `${digits}${narrowNoBreakSpace}${prefix}${unit}`;
  return [digits, prefix, unit].filter((part) => part !== '').join(narrowNoBreakSpace);
}

/** Formats a whole number with thousands separators: `4,012`. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/**
 * Formats a share from 0 to 1 as a percentage with at most three significant digits, without the percent sign: `11.4`.
 */
export function formatPercent(share: number): string {
  const value = share * 100;
  if (value >= 9.995) return value >= 99.95 ? Math.round(value).toString() : value.toFixed(1);
  if (value === 0) return '0';
  return value < 0.01 ? '<0.01' : value.toFixed(2);
}

/** Formats a number of bytes with a decimal prefix: `148 MB`. */
export function formatByteSize(value: number): string {
  return formatQuantity(value, 'B');
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Formats a duration given in ms, with at most two units: `0.31 ms`, `108.6 ms`, `12.4 s`, `3 min 54 s`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const t = Math.max(0, ms);
  if (t < 0.995) return `${t.toFixed(2)}${narrowNoBreakSpace}ms`;
  if (t < 999.95) return `${t.toFixed(1)}${narrowNoBreakSpace}ms`;
  if (t < 59.95 * second) return `${(t / second).toFixed(1)}${narrowNoBreakSpace}s`;
  return coarse(t);
}

/** Formats an elapsed time given in ms in whole seconds or larger units: `12 s`, `3 min 54 s`, `3 d 4 h`. */
export function formatElapsedTime(ms: number): string {
  const t = Math.max(0, ms);
  return t < minute ? `${Math.floor(t / second)}${narrowNoBreakSpace}s` : coarse(t);
}

/**
 * Formats a time of day with seconds, preceded by the date unless `ms` is on the same day as `now`: `19 Nov 14:06:32`.
 */
export function formatClockTime(ms: number, now = Date.now()): string {
  const date = new Date(ms);
  const time = date.toLocaleTimeString('en-GB', { hour12: false });
  return date.toDateString() === new Date(now).toDateString() ? time : `${formatDay(ms)} ${time}`;
}

/** Formats a time as day and month: `19 Nov`. */
export function formatDay(ms: number): string {
  const date = new Date(ms);
  return `${date.getDate()} ${date.toLocaleString('en-US', { month: 'short' })}`;
}

function small(magnitude: number): string {
  if (magnitude === 0) return '0';
  const rounded = Math.max(0.1, Math.round(magnitude * 10) / 10);
  return rounded % 1 === 0 ? rounded.toString() : rounded.toFixed(1);
}

function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

function coarse(ms: number): string {
  const parts: [string, number][] = [
    ['d', Math.floor(ms / day)],
    ['h', Math.floor((ms % day) / hour)],
    ['min', Math.floor((ms % hour) / minute)],
    ['s', Math.floor((ms % minute) / second)],
  ];
  const first = parts.findIndex(([, n]) => n > 0);
  return parts
    .slice(Math.max(0, first), Math.max(0, first) + 2)
    .filter(([, n]) => n > 0)
    .map(([unit, n]) => `${n}${narrowNoBreakSpace}${unit}`)
    .join(' ');
}
