import { ArrowRight } from 'lucide-react';
import type { DeviceKind } from '../../contract/device.ts';
import { sharedText } from '../_text/shared.ts';

/** Device kinds that the dashboard shows; `observed` is a device that Podlane only counts and did not create. */
export type ShownDeviceKind = DeviceKind | 'observed';

const scope = { netkit: 'kind-netkit', veth: 'kind-veth', observed: 'kind-observed' } as const;

/**
 * Returns the CSS class that sets the colors of a device kind for the child classes `bg-kind`, `text-kind-text` and
 * `stroke-kind`.
 */
export const deviceKindColorClass = (kind: ShownDeviceKind): string => scope[kind];

/**
 * Draws the shape of a device kind: a lane with a slit (netkit), two boxes on a cable (veth), or a dashed ring
 * (observed). The kind's name is always shown nearby.
 */
export function DeviceKindIcon({
  kind,
  className = 'h-3 w-4.5',
}: {
  kind: ShownDeviceKind;
  className?: string;
}) {
  return (
    <svg viewBox="0 0 18 12" aria-hidden="true" className={`${scope[kind]} ${className}`}>
      {kind === 'netkit' && (
        <path className="fill-kind" d="M3.5 2.5h2v7h-2a3.5 3.5 0 0 1 0-7zM7 2.5h7.5a3.5 3.5 0 0 1 0 7H7z" />
      )}
      {kind === 'veth' && (
        <>
          <rect className="fill-kind" x="0" y="2" width="6" height="8" rx=".5" />
          <rect className="fill-kind" x="12" y="2" width="6" height="8" rx=".5" />
          <path className="stroke-kind" strokeWidth="1.5" fill="none" d="M6 6h6" />
        </>
      )}
      {kind === 'observed' && (
        <>
          <circle
            className="stroke-kind"
            strokeWidth="1.5"
            fill="none"
            cx="9"
            cy="6"
            r="4.5"
            strokeDasharray="2 1.53"
          />
          <circle className="fill-kind" cx="9" cy="6" r="1.6" />
        </>
      )}
    </svg>
  );
}

/**
 * Shows the shape and name of a device kind. `hideWord` leaves the name to screen readers where a legend or neighbor
 * shows it.
 */
export function DeviceKindLabel({
  kind,
  hideWord = false,
  glyph,
}: {
  kind: ShownDeviceKind;
  hideWord?: boolean;
  glyph?: string;
}) {
  return (
    <span className={`${scope[kind]} inline-flex items-center gap-1.5 whitespace-nowrap text-kind-text`}>
      <DeviceKindIcon kind={kind} {...(glyph === undefined ? {} : { className: glyph })} />
      <span className={hideWord ? 'sr-only' : ''}>{kind}</span>
    </span>
  );
}

/** Shows the shape and name of a device kind as a badge. */
export function DeviceKindBadge({ kind }: { kind: ShownDeviceKind }) {
  return (
    <span
      className={`${scope[kind]} inline-flex h-6 items-center gap-1.5 whitespace-nowrap rounded-1 bg-kind-wash pr-2.5 pl-2 font-[550] text-12 text-kind-text`}
    >
      <DeviceKindIcon kind={kind} />
      {kind}
    </span>
  );
}

/** Shows a change of device kind as two shapes; only screen readers get the names. */
export function DeviceKindChangeLabel({ from, to }: { from: DeviceKind; to: DeviceKind }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <DeviceKindLabel kind={from} hideWord glyph="h-2.5 w-[15px]" />
      <ArrowRight aria-hidden="true" className="size-3.5 text-muted" strokeWidth={1.6} />
      <span className="sr-only">{sharedText.to}</span>
      <DeviceKindLabel kind={to} hideWord glyph="h-2.5 w-[15px]" />
    </span>
  );
}
