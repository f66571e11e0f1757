import type { RuleVersionRecord, StoredPod } from '../store/records.ts';
import type { DatapathStore, RuleStore } from '../store/store-interfaces.ts';

/** Storage that is compared with the kernel at the start, and into which its state is read back. */
export interface AdoptionStore
  extends Pick<
      DatapathStore,
      | 'pods'
      | 'devices'
      | 'removePod'
      | 'setting'
      | 'settingsOf'
      | 'saveSetting'
      | 'addEvent'
      | 'openMigrations'
      | 'saveMigration'
    >,
    Pick<RuleStore, 'lastRuleVersion' | 'ruleVersion' | 'addRuleVersion'> {
  /** Adds a pod and its devices as the kernel's record has them. @throws ProblemError `pod_exists` */
  adoptPod(found: StoredPod): Promise<void>;
  /** Adds the rules that the kernel enforces as the newest version. */
  adoptRuleVersion(version: RuleVersionRecord): Promise<void>;
}
