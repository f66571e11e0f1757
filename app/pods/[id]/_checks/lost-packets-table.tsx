import type { PodPacketChecks } from '../../../../contract/packet-checks.ts';
import { DirectionLabel } from '../../../_components/direction-label.tsx';
import { formatClockTime, formatCount } from '../../../_lib/format.ts';
import { checksText } from './text.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-0 last:pr-0';
const narrow = 'max-md:hidden';

/** Table of the packets that a pod lost by its checks, by source and by ethertype. */
export function LostPacketsTable({ lost: { sources, ethertypes } }: { lost: PodPacketChecks['lost'] }) {
  const rows = [
    ...sources.map(({ address, ...row }) => ({ name: address, ...row })),
    ...ethertypes.map(({ ethertype, ...row }) => ({ name: ethertype, ...row })),
  ];
  if (rows.length === 0) return null;
  return (
    <table className="w-full table-fixed border-separate border-spacing-0">
      <thead>
        <tr>
          <th scope="col" className={head}>
            {checksText.lostColumn}
          </th>
          <th scope="col" className={`${head} ${narrow} w-24`}>
            {checksText.direction}
          </th>
          <th scope="col" className={`${head} w-28 text-right`}>
            {checksText.packets}
          </th>
          <th scope="col" className={`${head} ${narrow} w-24 text-right`}>
            {checksText.lastSeen}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, direction, packets, lastSeen }) => (
          <tr key={`${name} ${direction}`} className="hover:[&>td]:bg-surface-2">
            <td className={`${cell} code`} title={name}>
              {name}
            </td>
            <td className={`${cell} ${narrow} text-ink-2`}>
              <DirectionLabel direction={direction} />
            </td>
            <td className={`${cell} text-right tabular-nums`}>{formatCount(packets)}</td>
            <td className={`${cell} ${narrow} text-right text-ink-2 tabular-nums`}>
              {formatClockTime(Date.parse(lastSeen))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
