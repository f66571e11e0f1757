'use client';

import { ConditionNotice } from '../_components/condition-notice.tsx';
import { useNodeInfo } from '../_lib/node-queries.ts';
import { GuardSettings } from './guard-settings.tsx';
import { KubernetesSection } from './kubernetes-section.tsx';
import { RedirectSetting } from './redirect-setting.tsx';
import { RuntimeList } from './runtime-list.tsx';
import { settingsText } from './text.ts';

/** Page of the node's settings. */
export function SettingsPage() {
  const { data: node } = useNodeInfo();
  return (
    <div className="max-w-[720px] px-(--gutter) py-4 pb-12">
      <h1 className="font-semibold text-20 tracking-[-.014em]">{settingsText.settings}</h1>
      <p className="text-12 text-muted">{settingsText.settingsIntro}</p>
      {node?.conditions.map(({ reason, message, remedy }) => (
        <ConditionNotice key={reason} message={message} remedy={remedy} />
      ))}
      <KubernetesSection />
      <RedirectSetting />
      <GuardSettings />
      <RuntimeList />
    </div>
  );
}
