import { ArrowRight } from 'lucide-react';
import type { DeviceKind } from '../../contract/device.ts';
import { sharedText } from '../_text/shared.ts';

/** `observed`: a device that Podlane did not create and only counts. */
export type ShownDeviceKind = DeviceKind | 'observed';

const scope = { netkit: 'kind-netkit', veth: 'kind-veth', observed: 'kind-observed' } as const;

/** Sets the colors of a kind for its children: `bg-kind`, `text-kind-text`, `stroke-kind`. */
export const deviceKindColorClass = (kind: ShownDeviceKind): string => scope[kind];

/**
 * The shape of a device kind: a lane with a slit (netkit), two boxes on a cable (veth), a dashed ring
 * (observed). Always has its word nearby.
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

/** Shape and word of a kind in a row. `hideWord` leaves the word to screen readers where a legend or neighbor names the kind. */
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

/** Shape and word of a kind as a badge. */
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

/** A change of kind: both shapes, with hidden words. */
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
