import type { EndState } from './end-state.ts';
import { listSettings, type Setting, type SettingKind } from './list-settings.ts';

/** Difference between two interfaces: a setting that only one has, or that has another value. */
export interface SettingDifference {
  kind: SettingKind;
  key: string;
  /** Text of the setting before, or null without it. */
  before: string | null;
  after: string | null;
}

/**
 * Compares all settings of two interfaces. Where the kernel has more of one than of the other, as queues or offloads of
 * another device kind, `onlyShared` lists the kinds of which only the settings of both are compared.
 */
export function compareStates(
  before: EndState,
  after: EndState,
  onlyShared: ReadonlySet<SettingKind> = new Set(['offload', 'queue setting', 'sysctl']),
): SettingDifference[] {
  const [old, present] = [before, after].map((state) => groupSettings(listSettings(state)));
  const differences: SettingDifference[] = [];
  for (const [id, was] of old ?? []) {
    const is = present?.get(id) ?? [];
    if (is.length === 0 && onlyShared.has(was[0]?.kind ?? 'route')) continue;
    for (const [index, setting] of was.entries()) {
      const other = is[index];
      if (other?.value !== setting.value)
        differences.push({
          kind: setting.kind,
          key: setting.key,
          before: setting.text,
          after: other?.text ?? null,
        });
    }
  }
  for (const [id, is] of present ?? []) {
    const was = old?.get(id) ?? [];
    if (was.length === 0 && onlyShared.has(is[0]?.kind ?? 'route')) continue;
    for (const setting of is.slice(was.length))
      differences.push({ kind: setting.kind, key: setting.key, before: null, after: setting.text });
  }
  return differences;
}

function groupSettings(settings: readonly Setting[]): Map<string, Setting[]> {
  const groups = new Map<string, Setting[]>();
  for (const setting of settings) {
    const id = `${setting.kind} ${setting.key}`;
    const group = groups.get(id);
    if (group) group.push(setting);
    else groups.set(id, [setting]);
  }
  return groups;
}
