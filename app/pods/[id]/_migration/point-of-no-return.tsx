import { migrationText } from './text.ts';

const dashes = 'h-px bg-[repeating-linear-gradient(90deg,var(--line-control)_0_4px,transparent_4px_8px)]';

/** Draws the line between the migration steps that can be rolled back and those that cannot. */
export function PointOfNoReturnLine() {
  return (
    <li className="flex min-h-5 items-center gap-2.5 text-11 text-muted">
      <span aria-hidden="true" className={`w-6 ${dashes}`} />
      {migrationText.pointOfNoReturn}
      <span aria-hidden="true" className={`flex-1 ${dashes}`} />
    </li>
  );
}
