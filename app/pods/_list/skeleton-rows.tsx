import { Skeleton } from '../../_components/skeleton.tsx';
import { columnStyles } from './columns.ts';

const cell = 'border-line-1 border-b px-2';
const columns = [
  columnStyles['pps-in'],
  columnStyles['pps-out'],
  columnStyles['bits-in'],
  columnStyles['bits-out'],
  columnStyles.drops,
] as const;

/** Rows of the table before the pods are known. */
export function SkeletonRows({ rows }: { rows: number }) {
  return Array.from({ length: rows }, (_, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same and never move
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr key={i} aria-hidden="true" className="h-(--row)">
      <td className={cell} />
      <td className={cell}>
        <Skeleton className="w-15 max-md:w-4" />
      </td>
      <td className={cell}>
        <Skeleton className={i % 3 === 1 ? 'w-28' : 'w-40'} />
      </td>
      <td className={`${cell} ${columnStyles.namespace.from}`}>
        <Skeleton className="w-12" />
      </td>
      <td className={`${cell} ${columnStyles.address.from}`}>
        <Skeleton className="w-18" />
      </td>
      {columns.map((look, k) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a fixed list
        <td key={k} className={`${cell} ${look.from} text-right`}>
          <Skeleton className="w-10" />
        </td>
      ))}
      <td className={`${cell} ${columnStyles.trace.from} pl-4`}>
        <Skeleton className="w-26" />
      </td>
      <td className={`${cell} ${columnStyles.attention.from}`} />
    </tr>
  ));
}
