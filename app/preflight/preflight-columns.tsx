import type { PreflightPod } from '../../contract/preflight.ts';
import { preflightReasons, preflightVerdicts } from '../../contract/preflight-reasons.ts';
import { DeviceKindLabel } from '../_components/device-kind.tsx';
import type { TableColumn } from '../_components/table/table-column.ts';
import { nameOf, type PreflightSortKey } from './preflight-filter.ts';
import { PreflightVerdictLabel } from './preflight-marks.tsx';
import { formatOpenPodPreflight, preflightText } from './text.ts';

/** Returns the titles of what was found of a pod, each once; notes only where there is nothing else. */
function listTitles({ findings }: PreflightPod): { titles: string[]; notesOnly: boolean } {
  const more = findings.filter(({ outcome }) => outcome !== 'note');
  const titles = (more.length > 0 ? more : findings).map(({ reason }) => preflightReasons[reason].title);
  return { titles: [...new Set(titles)], notesOnly: more.length === 0 };
}
const countNotChecked = ({ findings }: PreflightPod): number =>
  findings.filter(({ outcome }) => outcome === 'not_checked').length;

/** Columns of the table of pods. @param open shows all that was looked at for a pod */
export const buildPreflightColumns = (
  open: (pod: string) => void,
): readonly TableColumn<PreflightPod, PreflightSortKey>[] => [
  {
    key: 'verdict',
    label: preflightText.verdict,
    width: 'w-[124px]',
    sort: ({ verdict }) => preflightVerdicts.indexOf(verdict),
    cell: ({ verdict }) => <PreflightVerdictLabel verdict={verdict} />,
  },
  {
    key: 'pod',
    label: preflightText.pod,
    width: 'w-[236px] max-md:w-auto',
    head: true,
    sort: ({ pod }) => nameOf(pod),
    cell: ({ pod }) => (
      <button
        type="button"
        data-row-link
        title={formatOpenPodPreflight(nameOf(pod))}
        onClick={() => open(nameOf(pod))}
        className="max-w-full truncate text-left font-semibold after:absolute after:inset-0 focus-visible:outline-none"
      >
        <span className="font-normal text-muted">{pod.namespace}.</span>
        {pod.name}
      </button>
    ),
  },
  {
    key: 'kind',
    label: preflightText.kind,
    width: 'w-[92px]',
    from: 'max-md:hidden',
    sort: ({ pod }) => pod.kind,
    cell: ({ pod: { kind } }) =>
      kind === 'netkit' || kind === 'veth' ? <DeviceKindLabel kind={kind} /> : <span>{kind}</span>,
  },
  {
    key: 'found',
    label: preflightText.found,
    from: 'max-md:hidden',
    sort: (pod) => listTitles(pod).titles.join(' '),
    cell: (pod) => {
      if (pod.lookedAt === null) return <span className="text-muted">{preflightText.notReached}</span>;
      const { titles, notesOnly } = listTitles(pod);
      if (titles.length === 0) return <span className="text-muted">{preflightText.nothingFound}</span>;
      return (
        <span className={notesOnly ? 'text-muted' : 'text-ink-2'} title={titles.join('; ')}>
          {titles.join('; ')}
        </span>
      );
    },
  },
  {
    key: 'unchecked',
    label: preflightText.notChecked,
    title: preflightText.notCheckedTitle,
    width: 'w-[96px]',
    from: 'max-lg:hidden xl:max-2xl:hidden',
    align: 'right',
    sort: countNotChecked,
    cell: (pod) => (
      <span className={`tabular-nums ${countNotChecked(pod) === 0 ? 'text-muted' : ''}`}>
        {countNotChecked(pod)}
      </span>
    ),
  },
];
