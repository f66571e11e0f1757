'use client';

import { GuardSettings } from './guard-settings.tsx';
import { RedirectSetting } from './redirect-setting.tsx';
import { settingsText } from './text.ts';

/** What is chosen for the whole node, kept over restarts of the agent. */
export function SettingsPage() {
  return (
    <div className="max-w-[720px] px-(--gutter) py-4 pb-12">
      <h1 className="font-semibold text-20 tracking-[-.014em]">{settingsText.settings}</h1>
      <p className="text-12 text-muted">{settingsText.settingsIntro}</p>
      <RedirectSetting />
      <GuardSettings />
    </div>
  );
}
