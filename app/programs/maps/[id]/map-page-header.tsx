'use client';

import { Download } from 'lucide-react';
import Link from 'next/link';
import type { BpfMapDetail } from '../../../../contract/bpf-map.ts';
import { Button } from '../../../_components/button.tsx';
import { CopyButton } from '../../../_components/copy-button.tsx';
import { LabeledFact, LabeledFactList } from '../../../_components/labeled-fact.tsx';
import { formatByteSize, formatCount } from '../../../_lib/format.ts';
import { BpfObjectHeaderTitle } from '../../_components/bpf-object-header-title.tsx';
import { BpfOwnerLabel } from '../../_components/bpf-owner-label.tsx';
import { formatProgramName, usePrograms } from '../../program-queries.ts';
import { formatBpfMapName } from '../_list/map-columns.tsx';
import { bpfMapExportPath } from '../map-queries.ts';
import { bpfMapsText } from '../text.ts';

/** Header of a map's page: owner, size, types and the programs that use the map. */
export function BpfMapPageHeader({ map, gone }: { map: BpfMapDetail; gone: boolean }) {
  const flags = [...map.flagNames, ...(map.frozen ? ['frozen'] : [])];
  return (
    <header className="border-line-1 border-b px-(--gutter) py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <BpfObjectHeaderTitle name={formatBpfMapName(map)} type={map.type} gone={gone ? 'gone' : null} />
        <span className="flex-1" />
        {map.notListed === null && !gone && (
          <Button asChild>
            <a href={bpfMapExportPath(map.id)} download={`map-${map.id}-${map.name}.json`}>
              <Download aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
              {bpfMapsText.exportAsJson}
            </a>
          </Button>
        )}
      </div>
      <div className="mt-1">
        <LabeledFactList>
          <LabeledFact label={bpfMapsText.id}>{map.id}</LabeledFact>
          <LabeledFact label={bpfMapsText.owner}>
            <BpfOwnerLabel owner={map.owner} />
          </LabeledFact>
          <LabeledFact label={bpfMapsText.entriesLabel}>{entriesText(map)}</LabeledFact>
          <LabeledFact label={bpfMapsText.keyTypeLabel}>{map.keyBytes} B</LabeledFact>
          <LabeledFact label={bpfMapsText.value}>
            {bpfMapsText.valueSize(formatCount(map.valueBytes), map.perCpu ? bpfMapsText.perCpu : '')}
          </LabeledFact>
          {map.memoryBytes !== null && (
            <LabeledFact label={bpfMapsText.memory}>{formatByteSize(map.memoryBytes)}</LabeledFact>
          )}
          {flags.length > 0 && (
            <LabeledFact label={bpfMapsText.flags}>
              <span className="code">{flags.join(' ')}</span>
            </LabeledFact>
          )}
          <UsedBy ids={map.programIds} />
          {map.pins.map((pin) => (
            <LabeledFact key={pin} label={bpfMapsText.pinnedAt}>
              <span className="code break-all">{pin}</span>
            </LabeledFact>
          ))}
        </LabeledFactList>
      </div>
      <Types map={map} />
    </header>
  );
}

function entriesText({ entries, entriesAtLeast, maxEntries }: BpfMapDetail): string {
  if (entries === null) return bpfMapsText.upTo(formatCount(maxEntries));
  return bpfMapsText.entryCount(
    entriesAtLeast ? bpfMapsText.atLeast : '',
    formatCount(entries),
    formatCount(maxEntries),
  );
}

function UsedBy({ ids }: { ids: readonly number[] }) {
  const { data } = usePrograms();
  if (ids.length === 0) return <LabeledFact label={bpfMapsText.usedBy}>{bpfMapsText.noProgram}</LabeledFact>;
  return (
    <LabeledFact label={bpfMapsText.usedBy}>
      {ids.slice(0, 6).map((id, index) => {
        const program = data?.items.find((each) => each.id === id);
        return (
          <span key={id}>
            {index > 0 && ', '}
            <Link href={`/programs/${id}`} prefetch={false} className="link">
              {program === undefined ? bpfMapsText.program(id) : formatProgramName(program)}
            </Link>
          </span>
        );
      })}
      {ids.length > 6 && bpfMapsText.andMorePrograms(ids.length - 6)}
    </LabeledFact>
  );
}

/** Shows the C declarations of a map's key and value, collapsed, or the reason why there are none. */
function Types({ map: { keyType, valueType, untyped } }: { map: BpfMapDetail }) {
  if (untyped !== null) return <p className="mt-1 text-12 text-muted">{bpfMapsText.rawBytes(untyped)}</p>;
  if (keyType === null || valueType === null) return null;
  const text = `${keyType.declaration}\n\n${valueType.declaration}`;
  return (
    <details className="mt-1 text-12">
      <summary className="w-fit cursor-pointer text-muted hover:text-ink-1">
        {bpfMapsText.keyTypeLabel} <span className="code text-ink-2">{keyType.name}</span>
        {bpfMapsText.valueAfterKey} <span className="code text-ink-2">{valueType.name}</span>
      </summary>
      <div className="mt-2 flex items-start gap-2">
        <pre className="code min-w-0 whitespace-pre-wrap break-words text-ink-1 leading-[18px]">
          {keyType.declaration === valueType.declaration ? keyType.declaration : text}
        </pre>
        <CopyButton text={text} what={bpfMapsText.copyTypes} />
      </div>
    </details>
  );
}
