'use client';

import { useState } from 'react';
import type { PacketChecks } from '../../../../contract/packet-checks.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { ErrorNotice } from '../../../_components/error-notice.tsx';
import { SelectField } from '../../../_components/select-field.tsx';
import { SideSheet } from '../../../_components/side-sheet.tsx';
import { TextField } from '../../../_components/text-field.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { sharedText } from '../../../_text/shared.ts';
import { useSetPacketChecks } from './check-queries.ts';
import { checksText } from './text.ts';

interface Props {
  pod: Pod;
  checks: PacketChecks;
  close: () => void;
}

const words = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

/** Sheet in which a pod's packet checks are edited. */
export function PacketChecksSheet({ pod, checks, close }: Props) {
  const save = useSetPacketChecks(pod.id);
  const [source, setSource] = useState(checks.source);
  const [prefixes, setPrefixes] = useState(checks.sourcePrefixes.join(' '));
  const [ethertypes, setEthertypes] = useState(checks.ethertypes.join(' '));
  const submit = () =>
    save.mutate(
      {
        source,
        sourcePrefixes: source === 'off' ? [] : words(prefixes),
        ethertypes: words(ethertypes),
      },
      { onSuccess: close },
    );
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={checksText.sheetTitle}
      description={checksText.sheetDescription}
      head={<span className="truncate text-12 text-muted">{pod.name}</span>}
      footer={
        <>
          <span className="flex-1" />
          <Button onClick={close}>{sharedText.cancel}</Button>
          <Button look="primary" disabled={save.isPending} onClick={submit}>
            {checksText.save}
          </Button>
        </>
      }
    >
      <div className="grid gap-4 p-6 max-md:p-4">
        <SelectField
          label={checksText.mode}
          value={source}
          change={(mode) => setSource(mode === 'off' ? 'off' : 'strict')}
          options={checksText.modes}
        />
        {source === 'off' ? (
          <p className="flex items-start gap-1.5 text-12 text-ink-2">
            <WarningIcon className="mt-px size-3.5" />
            {checksText.offWarning}
          </p>
        ) : (
          <TextField
            label={checksText.prefixesField}
            hint={checksText.prefixesHint}
            value={prefixes}
            change={setPrefixes}
          />
        )}
        <TextField
          label={checksText.ethertypesField}
          hint={checksText.ethertypesHint}
          value={ethertypes}
          change={setEthertypes}
        />
        {save.error !== null && <ErrorNotice error={save.error} title={checksText.notSaved} />}
      </div>
    </SideSheet>
  );
}
