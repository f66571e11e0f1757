import Link from 'next/link';
import type { BpfLink } from '../../../contract/program.ts';
import { NotAvailableNumber } from '../../_components/number-display.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { formatDeviceNamespace } from '../_components/attach-point-cell.tsx';
import { BpfOwnerLabel } from '../_components/bpf-owner-label.tsx';
import { formatBpfOwner } from '../program-queries.ts';
import { programsText } from '../text.ts';

export const bpfLinkSortKeys = [
  'default',
  'id',
  'program',
  'type',
  'attach',
  'target',
  'namespace',
  'owner',
  'pin',
] as const;
export type BpfLinkSortKey = (typeof bpfLinkSortKeys)[number];

export const bpfLinkColumns: readonly TableColumn<BpfLink, BpfLinkSortKey>[] = [
  {
    key: 'id',
    label: programsText.id,
    width: 'w-[74px]',
    from: 'max-md:hidden',
    align: 'right',
    sort: ({ id }) => id,
    cell: ({ id }) => <span className="code text-ink-2">{id}</span>,
  },
  {
    key: 'program',
    label: programsText.programColumn,
    width: 'w-[190px] max-md:w-auto',
    head: true,
    sort: ({ programName }) => programName,
    cell: ({ programName, programId }) => (
      <>
        <Link
          href={`/programs/${programId}`}
          prefetch={false}
          data-row-link
          className="code font-semibold after:absolute after:inset-0 focus-visible:outline-none"
        >
          {programName === '' ? `#${programId}` : programName}
        </Link>
        <span className="code text-muted max-md:hidden"> {programId}</span>
      </>
    ),
  },
  {
    key: 'type',
    label: programsText.type,
    width: 'w-[130px]',
    from: 'max-lg:hidden',
    sort: ({ type }) => type,
    cell: ({ type }) => <span className="code text-ink-2">{type}</span>,
  },
  {
    key: 'attach',
    label: programsText.attachTypeColumn,
    width: 'w-[170px] max-md:w-[120px]',
    sort: ({ attachType }) => attachType,
    cell: ({ attachType }) =>
      attachType === null ? (
        <NotAvailableNumber reason={programsText.noAttachType} slot={false} />
      ) : (
        <span className="code text-ink-2">{attachType}</span>
      ),
  },
  {
    key: 'target',
    label: programsText.target,
    width: 'w-[220px] max-md:w-[120px]',
    from: 'max-md:pr-(--gutter)',
    sort: ({ target }) => target,
    cell: ({ target, device }) => (
      <span title={target}>
        {target}
        {device !== null && <span className="code text-muted"> {device.ifindex}</span>}
      </span>
    ),
  },
  {
    key: 'namespace',
    label: programsText.namespace,
    width: 'w-[150px]',
    from: 'max-lg:hidden',
    sort: ({ device }) => (device === null ? null : formatDeviceNamespace(device)),
    cell: ({ device }) =>
      device === null ? (
        <NotAvailableNumber reason={programsText.noDevice} slot={false} />
      ) : (
        <span className="text-ink-2">{formatDeviceNamespace(device)}</span>
      ),
  },
  {
    key: 'owner',
    label: programsText.owner,
    width: 'w-[190px]',
    from: 'max-md:hidden max-xl:pr-(--gutter)',
    sort: ({ owner }) => formatBpfOwner(owner),
    cell: ({ owner }) => <BpfOwnerLabel owner={owner} />,
  },
  {
    key: 'pin',
    label: programsText.pinnedAt,
    from: 'max-xl:hidden',
    sort: ({ pins }) => pins[0] ?? null,
    cell: ({ pins }) =>
      pins[0] === undefined ? (
        <NotAvailableNumber reason={programsText.notPinned} slot={false} />
      ) : (
        <span className="code text-muted" title={pins.join('\n')}>
          {pins[0]}
        </span>
      ),
  },
];
