'use client';

import { WarningIcon } from '../_components/warning-icon.tsx';
import { useNodeInfo } from '../_lib/node-queries.ts';
import { GuardSettings } from './guard-settings.tsx';
import { RedirectSetting } from './redirect-setting.tsx';
import { settingsText } from './text.ts';

/** Page of the node's settings. */
export function SettingsPage() {
  const { data: node } = useNodeInfo();
  return (
    <div className="max-w-[720px] px-(--gutter) py-4 pb-12">
      <h1 className="font-semibold text-20 tracking-[-.014em]">{settingsText.settings}</h1>
      <p className="text-12 text-muted">{settingsText.settingsIntro}</p>
      {node?.conditions.map(({ reason, message, remedy }) => (
        <div key={reason} className="mt-2 flex items-start gap-1.5 text-12 text-ink-2">
          <WarningIcon />
          <p>
            {message}
            {remedy !== null && <span className="block break-words text-muted">{remedy}</span>}
          </p>
        </div>
      ))}
      <RedirectSetting />
      <GuardSettings />
    </div>
  );
}
