'use client';

import { useState } from 'react';
import type { NetworkSetting } from '../../../../contract/network-state.ts';
import { Button } from '../../../_components/button.tsx';
import { CopyButton } from '../../../_components/copy-button.tsx';
import { ErrorNotice } from '../../../_components/error-notice.tsx';
import { usePodNetworkState } from '../../../_lib/pod-queries.ts';
import { formatShownSettings, networkText } from './text.ts';

interface Row extends NetworkSetting {
  side: 'pod' | 'host';
}

const head =
  'sticky top-0 h-6 border-line-2 border-b bg-surface-1 px-2 text-left font-[450] text-12 text-muted first:pl-0';
const cell = 'border-line-1 border-b px-2 py-0.5 align-baseline first:pl-0 [overflow-wrap:anywhere]';

/** Shows every setting of both interfaces of a pod's device, which is read from the kernel when it is opened. */
export function NetworkStateDetails({ podId }: { podId: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="mt-3" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="h-6 cursor-pointer font-medium text-12 text-ink-2">
        {networkText.allSettings}
      </summary>
      {open && <NetworkStateTable podId={podId} />}
    </details>
  );
}

function NetworkStateTable({ podId }: { podId: string }) {
  const { data, error, refetch } = usePodNetworkState(podId);
  const [search, setSearch] = useState('');
  if (error)
    return (
      <div className="grid justify-items-start gap-2 pt-1.5">
        <ErrorNotice error={error} title={networkText.settingsFailed} />
        <Button onClick={() => void refetch()}>{networkText.retry}</Button>
      </div>
    );
  if (!data) return <div aria-busy="true" className="h-40" />;
  const rows = (['pod', 'host'] as const).flatMap((side) =>
    data[side].settings.map((setting): Row => ({ ...setting, side })),
  );
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = rows.filter(({ side, kind, text }) => {
    const line = `${side} ${kind} ${text}`.toLowerCase();
    return words.every((word) => line.includes(word));
  });
  return (
    <div className="pt-1.5">
      <div className="flex flex-wrap items-center gap-2 pb-1.5">
        <input
          value={search}
          onChange={(event) => setSearch(event.target.value)}
          placeholder={networkText.filterPlaceholder}
          aria-label={networkText.filterSettings}
          spellCheck={false}
          autoComplete="off"
          className="h-(--control) w-[260px] min-w-0 rounded-2 border border-line-control bg-surface-1 px-2 placeholder:text-muted placeholder:opacity-100 max-md:w-full"
        />
        <span className="text-12 text-muted tabular-nums">
          {formatShownSettings(shown.length, rows.length)}
        </span>
        <CopyButton
          text={shown.map(({ side, kind, text }) => `${side}\t${kind}\t${text}`).join('\n')}
          what={networkText.copySettings}
        />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keyboard */}
      <section className="max-h-96 overflow-auto" aria-label={networkText.allSettings} tabIndex={0}>
        <table className="w-full table-fixed border-separate border-spacing-0 text-12">
          <thead>
            <tr>
              <th scope="col" className={`${head} w-12`}>
                {networkText.namespace}
              </th>
              <th scope="col" className={`${head} w-32 max-md:w-24`}>
                {networkText.kind}
              </th>
              <th scope="col" className={head}>
                {networkText.setting}
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ side, kind, key, text }) => (
              <tr key={`${side} ${kind} ${key}`} className="hover:[&>td]:bg-surface-2">
                <td className={`${cell} text-muted`}>{side}</td>
                <td className={`${cell} text-muted`}>{kind}</td>
                <td className={`${cell} code`}>{text}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {shown.length === 0 && <p className="py-2 text-12 text-ink-2">{networkText.noSettings}</p>}
      </section>
    </div>
  );
}
