import type { BpfOwner } from '../../../contract/program.ts';
import { formatBpfOwner } from '../program-queries.ts';
import { programsText } from '../text.ts';

/** Shows the owner of a program, map or link, with details as the title. */
export function BpfOwnerLabel({ owner }: { owner: BpfOwner }) {
  if (owner.kind === 'podlane')
    return (
      <span title={formatBpfOwner(owner)}>
        <b className="font-[550]">Podlane</b> <span className="text-muted">{owner.what}</span>
      </span>
    );
  if (owner.kind === 'process')
    return (
      <span title={programsText.heldByProcess(owner.pid)}>
        {owner.name} <span className="code text-muted">{owner.pid}</span>
      </span>
    );
  if (owner.kind === 'pin')
    return (
      <span className="code text-ink-2" title={programsText.pinnedAtPath(owner.path)}>
        {owner.path}
      </span>
    );
  return (
    <span className="text-muted" title={owner.why}>
      {programsText.unknownOwner}
    </span>
  );
}
