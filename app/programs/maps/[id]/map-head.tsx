'use client';

import { Download } from 'lucide-react';
import Link from 'next/link';
import type { BpfMapDetail } from '../../../../contract/map.ts';
import { Button } from '../../../_components/button.tsx';
import { CopyButton } from '../../../_components/copy-button.tsx';
import { Fact, Facts } from '../../../_components/fact.tsx';
import { bytes, count } from '../../../_lib/format.ts';
import { HeadTitle } from '../../_components/head-title.tsx';
import { Owner } from '../../_components/owner.tsx';
import { programName, usePrograms } from '../../program-queries.ts';
import { mapName } from '../_list/map-columns.tsx';
import { exportPath } from '../map-queries.ts';
import { mapsText } from '../text.ts';

/** Header of a map's page: owner, size, types and programs that use it. */
export function MapHead({ map, gone }: { map: BpfMapDetail; gone: boolean }) {
  const flags = [...map.flagNames, ...(map.frozen ? ['frozen'] : [])];
  return (
    <header className="border-line-1 border-b px-(--gutter) py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <HeadTitle name={mapName(map)} type={map.type} gone={gone ? 'gone' : null} />
        <span className="flex-1" />
        {map.notListed === null && !gone && (
          <Button asChild>
            <a href={exportPath(map.id)} download={`map-${map.id}-${map.name}.json`}>
              <Download aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
              {mapsText.exportAsJson}
            </a>
          </Button>
        )}
      </div>
      <div className="mt-1">
        <Facts>
          <Fact label={mapsText.id}>{map.id}</Fact>
          <Fact label={mapsText.owner}>
            <Owner owner={map.owner} />
          </Fact>
          <Fact label={mapsText.entriesLabel}>{entriesText(map)}</Fact>
          <Fact label={mapsText.keyTypeLabel}>{map.keyBytes} B</Fact>
          <Fact label={mapsText.value}>
            {mapsText.valueSize(count(map.valueBytes), map.perCpu ? mapsText.perCpu : '')}
          </Fact>
          {map.memoryBytes !== null && <Fact label={mapsText.memory}>{bytes(map.memoryBytes)}</Fact>}
          {flags.length > 0 && (
            <Fact label={mapsText.flags}>
              <span className="code">{flags.join(' ')}</span>
            </Fact>
          )}
          <UsedBy ids={map.programIds} />
          {map.pins.map((pin) => (
            <Fact key={pin} label={mapsText.pinnedAt}>
              <span className="code break-all">{pin}</span>
            </Fact>
          ))}
        </Facts>
      </div>
      <Types map={map} />
    </header>
  );
}

function entriesText({ entries, entriesAtLeast, maxEntries }: BpfMapDetail): string {
  if (entries === null) return mapsText.upTo(count(maxEntries));
  return mapsText.entryCount(entriesAtLeast ? mapsText.atLeast : '', count(entries), count(maxEntries));
}

function UsedBy({ ids }: { ids: readonly number[] }) {
  const { data } = usePrograms();
  if (ids.length === 0) return <Fact label={mapsText.usedBy}>{mapsText.noProgram}</Fact>;
  return (
    <Fact label={mapsText.usedBy}>
      {ids.slice(0, 6).map((id, index) => {
        const program = data?.items.find((each) => each.id === id);
        return (
          <span key={id}>
            {index > 0 && ', '}
            <Link href={`/programs/${id}`} prefetch={false} className="link">
              {program === undefined ? mapsText.program(id) : programName(program)}
            </Link>
          </span>
        );
      })}
      {ids.length > 6 && mapsText.andMorePrograms(ids.length - 6)}
    </Fact>
  );
}

/** Collapsed C declarations of key and value, or the reason why there are none. */
function Types({ map: { keyType, valueType, untyped } }: { map: BpfMapDetail }) {
  if (untyped !== null) return <p className="mt-1 text-12 text-muted">{mapsText.rawBytes(untyped)}</p>;
  if (keyType === null || valueType === null) return null;
  const text = `${keyType.declaration}\n\n${valueType.declaration}`;
  return (
    <details className="mt-1 text-12">
      <summary className="w-fit cursor-pointer text-muted hover:text-ink-1">
        {mapsText.keyTypeLabel} <span className="code text-ink-2">{keyType.name}</span>
        {mapsText.valueAfterKey} <span className="code text-ink-2">{valueType.name}</span>
      </summary>
      <div className="mt-2 flex items-start gap-2">
        <pre className="code min-w-0 whitespace-pre-wrap break-words text-ink-1 leading-[18px]">
          {keyType.declaration === valueType.declaration ? keyType.declaration : text}
        </pre>
        <CopyButton text={text} what={mapsText.copyTypes} />
      </div>
    </details>
  );
}
