'use client';

import { useId, useState } from 'react';
import { isIpv6Text } from '../../../../contract/cidr.ts';
import { CopyButton } from '../../../_components/copy-button.tsx';
import { stripPrefixLength } from '../../../_lib/pod-queries.ts';
import { formatMoreAddressesLabel, networkText } from './text.ts';

/** Shows the first address of each family, and a button that lists all addresses for copying. */
export function PodAddressList({ addresses }: { addresses: readonly string[] }) {
  const first = [addresses.find((each) => !isIpv6Text(each)), addresses.find(isIpv6Text)].filter(
    (each) => each !== undefined,
  );
  const more = addresses.length - first.length;
  return (
    <span className="inline-flex flex-wrap items-center gap-x-2">
      {first.map((address) => (
        <span key={address} className="code [overflow-wrap:anywhere]">
          {stripPrefixLength(address)}
        </span>
      ))}
      {first.length === 0 && networkText.none}
      {addresses.length > 0 && <AllAddresses addresses={addresses} more={more} />}
    </span>
  );
}

/** Shows all addresses in a popover that opens on hover or focus and closes with Escape. */
function AllAddresses({ addresses, more }: { addresses: readonly string[]; more: number }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: hovering does the same as the button
    <span
      className="relative"
      onPointerEnter={(event) => event.pointerType === 'mouse' && setOpen(true)}
      onPointerLeave={(event) => event.pointerType === 'mouse' && setOpen(false)}
      onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setOpen(false)}
      onKeyDown={(event) => event.key === 'Escape' && setOpen(false)}
    >
      <button
        type="button"
        aria-expanded={open}
        aria-controls={id}
        aria-label={more > 0 ? formatMoreAddressesLabel(more) : networkText.copyAddresses}
        className="link rounded-1 px-0.5 text-12"
        onFocus={() => setOpen(true)}
        onClick={() => setOpen(true)}
      >
        {more > 0 ? `+${more}` : networkText.copy}
      </button>
      <ul
        id={id}
        hidden={!open}
        className="absolute top-full left-0 z-20 min-w-60 rounded-3 border border-line-control bg-surface-1 py-1 shadow-2 max-md:right-0 max-md:left-auto"
      >
        {addresses.map((address) => (
          <li key={address} className="flex h-7 items-center gap-3 pr-1 pl-3">
            <span className="code flex-1 whitespace-nowrap">{address}</span>
            <CopyButton
              text={stripPrefixLength(address)}
              what={stripPrefixLength(address)}
              className="size-6!"
            />
          </li>
        ))}
      </ul>
    </span>
  );
}
