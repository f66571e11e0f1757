import Link from 'next/link';
import type { BpfLink } from '../../../contract/program.ts';
import { NotAvailable } from '../../_components/number.tsx';
import type { Column } from '../../_components/table/column.ts';
import { ownerText } from '../program-queries.ts';
import { namespaceLabel } from '../_components/attached-at.tsx';
import { Owner } from '../_components/owner.tsx';

export const linkSortKeys = [
  'ours',
  'id',
  'program',
  'type',
  'attach',
  'target',
  'namespace',
  'owner',
  'pin',
] as const;
export type LinkSortKey = (typeof linkSortKeys)[number];

export const linkColumns: readonly Column<BpfLink, LinkSortKey>[] = [
  {
    key: 'id',
    label: 'id',
    width: 'w-[74px]',
    from: 'max-md:hidden',
    align: 'right',
    sort: ({ id }) => id,
    cell: ({ id }) => <span className="code text-ink-2">{id}</span>,
  },
  {
    key: 'program',
    label: 'program',
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
    label: 'type',
    width: 'w-[130px]',
    from: 'max-lg:hidden',
    sort: ({ type }) => type,
    cell: ({ type }) => <span className="code text-ink-2">{type}</span>,
  },
  {
    key: 'attach',
    label: 'attached as',
    width: 'w-[170px] max-md:w-[120px]',
    sort: ({ attachType }) => attachType,
    cell: ({ attachType }) =>
      attachType === null ? (
        <NotAvailable reason="links of this type have no attach type" slot={false} />
      ) : (
        <span className="code text-ink-2">{attachType}</span>
      ),
  },
  {
    key: 'target',
    label: 'target',
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
    label: 'namespace',
    width: 'w-[150px]',
    from: 'max-lg:hidden',
    sort: ({ device }) => (device === null ? null : namespaceLabel(device)),
    cell: ({ device }) =>
      device === null ? (
        <NotAvailable reason="not of a network device" slot={false} />
      ) : (
        <span className="text-ink-2">{namespaceLabel(device)}</span>
      ),
  },
  {
    key: 'owner',
    label: 'owner',
    width: 'w-[190px]',
    from: 'max-md:hidden max-xl:pr-(--gutter)',
    sort: ({ owner }) => ownerText(owner),
    cell: ({ owner }) => <Owner owner={owner} />,
  },
  {
    key: 'pin',
    label: 'pinned at',
    from: 'max-xl:hidden',
    sort: ({ pins }) => pins[0] ?? null,
    cell: ({ pins }) =>
      pins[0] === undefined ? (
        <NotAvailable reason="no file of a BPF file system leads to it" slot={false} />
      ) : (
        <span className="code text-muted" title={pins.join('\n')}>
          {pins[0]}
        </span>
      ),
  },
];
