'use client';

import { type ReactNode, useState } from 'react';
import type { BpfMapDetail, MapEntry } from '../../../../contract/bpf-map.ts';
import { Button } from '../../../_components/button.tsx';
import { CopyButton } from '../../../_components/copy-button.tsx';
import { ErrorNotice } from '../../../_components/error-notice.tsx';
import { SideSheet } from '../../../_components/side-sheet.tsx';
import { showToast } from '../../../_components/toast.tsx';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import { sharedText } from '../../../_text/shared.ts';
import { useDeleteBpfMapEntry, useWriteBpfMapEntry } from '../map-queries.ts';
import { bpfMapsText } from '../text.ts';
import { formatHexLines } from './format-map-value.ts';
import { BpfMapJsonField, parseJson } from './map-json-field.tsx';
import { BpfMapValueTree } from './map-value-tree.tsx';

interface Props {
  map: BpfMapDetail;
  /** The map entry to show; null for a new entry. */
  entry: MapEntry | null;
  close: () => void;
}

const json = (value: unknown): string => JSON.stringify(value, null, 2);

/** Sheet of a map entry: key and value by type and as raw bytes. Admins may edit entries of Podlane's maps. */
export function BpfMapEntrySheet({ map, entry, close }: Props) {
  const missingRole = useMissingRoleReason('admin');
  const editable = map.notEditable === null && missingRole === null && entry?.unread == null;
  const [key, setKey] = useState(() => (entry === null ? '' : json(entry.key)));
  const [value, setValue] = useState(() => (entry === null ? '' : json(entry.value)));
  const [editing, edit] = useState(entry === null);
  const write = useWriteBpfMapEntry(map.id);
  const remove = useDeleteBpfMapEntry(map.id);
  const [sure, setSure] = useState(false);
  const read = { key: parseJson(key), value: parseJson(value) };
  const error = write.error ?? remove.error;
  const save = () => {
    if (!read.key.ok || !read.value.ok) return;
    write.mutate(
      { key: read.key.value, value: read.value.value },
      {
        onSuccess: () => {
          showToast({
            tone: 'done',
            title: entry === null ? bpfMapsText.entryAdded : bpfMapsText.entryWritten,
          });
          close();
        },
      },
    );
  };
  const drop = () => {
    if (entry === null) return;
    remove.mutate(entry.keyHex, {
      onSuccess: () => {
        showToast({ tone: 'done', title: bpfMapsText.entryDeleted });
        close();
      },
    });
  };
  const footer = !editable ? undefined : editing ? (
    <>
      <p className="text-12 text-muted">{bpfMapsText.takesEffect}</p>
      <span className="flex-1" />
      <Button onClick={() => (entry === null ? close() : edit(false))}>{sharedText.cancel}</Button>
      <Button look="primary" disabled={write.isPending || !read.key.ok || !read.value.ok} onClick={save}>
        {write.isPending ? bpfMapsText.saving : sharedText.save}
      </Button>
    </>
  ) : (
    <>
      {sure ? (
        <>
          <span className="text-12">{bpfMapsText.deleteConfirm}</span>
          <Button look="destructive" disabled={remove.isPending} onClick={drop}>
            {bpfMapsText.delete}
          </Button>
          <Button onClick={() => setSure(false)}>{sharedText.keep}</Button>
        </>
      ) : (
        !/array/.test(map.type) && (
          <Button look="quiet" onClick={() => setSure(true)}>
            {sharedText.deleteDialog}
          </Button>
        )
      )}
      <span className="flex-1" />
      <Button onClick={() => edit(true)}>{sharedText.edit}</Button>
    </>
  );
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={entry === null ? bpfMapsText.newEntry : bpfMapsText.entry}
      description={bpfMapsText.entryDescription(map.name)}
      head={entry !== null && <span className="code min-w-0 truncate text-ink-2">{entry.keyText}</span>}
      footer={footer}
    >
      <div className="grid gap-5 px-6 py-4 max-md:px-4">
        {editing ? (
          <>
            {entry === null && (
              <BpfMapJsonField
                label={bpfMapsText.keyLabel}
                type={map.keyType?.declaration}
                text={key}
                change={setKey}
                read={read.key}
              />
            )}
            <BpfMapJsonField
              label={bpfMapsText.valueLabel}
              type={map.valueType?.declaration}
              text={value}
              change={setValue}
              read={read.value}
            />
          </>
        ) : (
          entry !== null && <EntryView map={map} entry={entry} />
        )}
        {error !== null && <ErrorNotice error={error} title={bpfMapsText.entryNotChanged} />}
      </div>
    </SideSheet>
  );
}

function EntryView({ map, entry }: { map: BpfMapDetail; entry: MapEntry }) {
  return (
    <>
      <Part title={bpfMapsText.keyLabel} note={map.keyType?.name} copy={json(entry.key)}>
        <BpfMapValueTree value={entry.key} />
        <Hex hex={entry.keyHex} />
      </Part>
      {entry.unread !== null ? (
        <Part title={bpfMapsText.valueLabel}>
          <p className="text-ink-2">{entry.unread}</p>
        </Part>
      ) : entry.cpus === null ? (
        <Part title={bpfMapsText.valueLabel} note={map.valueType?.name} copy={json(entry.value)}>
          <BpfMapValueTree value={entry.value} />
          <Hex hex={entry.valueHex} />
        </Part>
      ) : (
        entry.cpus.map((value, cpu) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the index is the CPU
          <Part key={cpu} title={bpfMapsText.cpuValue(cpu)} note={map.valueType?.name} copy={json(value)}>
            <BpfMapValueTree value={value} />
          </Part>
        ))
      )}
    </>
  );
}

interface PartProps {
  title: string;
  note?: string | undefined;
  copy?: string;
  children: ReactNode;
}

function Part({ title, note, copy, children }: PartProps) {
  return (
    <section aria-label={title} className="min-w-0">
      <div className="flex min-h-7 items-center gap-2 border-line-2 border-b">
        <h3 className="font-semibold">{title}</h3>
        {note !== undefined && <span className="code text-muted">{note}</span>}
        <span className="flex-1" />
        {copy !== undefined && <CopyButton text={copy} what={bpfMapsText.copyAsJson(title.toLowerCase())} />}
      </div>
      <div className="pt-1">{children}</div>
    </section>
  );
}

/** Shows raw bytes in hexadecimal, collapsed until opened. */
function Hex({ hex }: { hex: string }) {
  const lines = formatHexLines(hex);
  return (
    <details className="mt-1.5 text-12">
      <summary className="w-fit cursor-pointer text-muted hover:text-ink-1">
        {bpfMapsText.byteCount(hex.length / 2)}
      </summary>
      <pre className="code mt-1 whitespace-pre-wrap text-ink-2 leading-[18px]">{lines.join('\n')}</pre>
    </details>
  );
}
