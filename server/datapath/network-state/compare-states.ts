import type { EndState } from './end-state.ts';
import { listSettings } from './list-settings.ts';
import type { Setting, SettingKind } from './setting.ts';

/** Difference between two interfaces: a setting that only one has, or that has another value. */
export interface SettingDifference {
  kind: SettingKind;
  key: string;
  /**
   * Text of the setting on the first interface, the old one of a migration; null if it has none. `present`: the second.
   */
  old: string | null;
  present: string | null;
}

/**
 * Compares all settings of two interfaces.
 * @param onlyShared kinds of which a setting counts only if both interfaces have it: other device kinds have other
 * offloads, queues and sysctls
 */
export function compareStates(
  old: EndState,
  present: EndState,
  onlyShared: ReadonlySet<SettingKind> = new Set(['offload', 'queue setting', 'sysctl']),
): SettingDifference[] {
  const [oldSettings, presentSettings] = [old, present].map((state) => groupSettings(listSettings(state)));
  const differences: SettingDifference[] = [];
  for (const [id, was] of oldSettings ?? []) {
    const is = presentSettings?.get(id) ?? [];
    if (is.length === 0 && onlyShared.has(was[0]?.kind ?? 'route')) continue;
    for (const [index, setting] of was.entries()) {
      const other = is[index];
      if (other?.value !== setting.value)
        differences.push({
          kind: setting.kind,
          key: setting.key,
          old: setting.text,
          present: other?.text ?? null,
        });
    }
  }
  for (const [id, is] of presentSettings ?? []) {
    const was = oldSettings?.get(id) ?? [];
    if (was.length === 0 && onlyShared.has(is[0]?.kind ?? 'route')) continue;
    for (const setting of is.slice(was.length))
      differences.push({ kind: setting.kind, key: setting.key, old: null, present: setting.text });
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
