import type { SettingStore } from '../../store/store-interfaces.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import type { ClusterPolicy } from './cluster-policy.ts';

/** Key of the stored setting that holds what was last known of the cluster. */
const settingName = 'rules.cluster';

/** Labels by key. */
export type Labels = Readonly<Record<string, string>>;

/** What a cluster says about the node's access rules. What is missing has not changed. */
export interface ClusterChange {
  /** All NetworkPolicies of the cluster. */
  policies?: readonly ClusterPolicy[] | undefined;
  /** Labels of all namespaces, by their names. */
  namespaces?: ReadonlyMap<string, Labels> | undefined;
  /** Pods of other nodes that are new or changed, and the ids of those that are gone. */
  peers?: { put: readonly SelectablePod[]; removed: readonly string[] } | undefined;
}

/** What is kept of the cluster from one start of the agent to the next. */
interface StoredCluster {
  policies: readonly ClusterPolicy[];
  namespaces: [string, Labels][];
  peers: SelectablePod[];
}

/**
 * What is known of the cluster that the node belongs to: its NetworkPolicies and the labels of its namespaces. It is stored,
 * so that an agent that starts while the API server is away has the rules that it had.
 */
export class ClusterRules {
  readonly #store: Pick<SettingStore, 'setting' | 'saveSetting'>;
  /** True if the node belongs to a cluster. */
  expected = false;
  /** False until the policies of the cluster are known for the first time. */
  known = false;
  policies: readonly ClusterPolicy[] = [];
  namespaces: ReadonlyMap<string, Labels> = new Map();
  /** True if something is known that is not stored. */
  changed = false;

  constructor(store: Pick<SettingStore, 'setting' | 'saveSetting'>) {
    this.#store = store;
  }

  /**
   * Reads what was stored; forgets it if the node belongs to no cluster any more.
   * @returns the pods of other nodes, and the number of policies that were forgotten
   */
  async open(expected: boolean): Promise<{ peers: SelectablePod[]; forgotten: number }> {
    const stored = (await this.#store.setting('node', settingName)) as StoredCluster | null;
    this.expected = expected;
    this.known = !expected;
    if (stored === null) return { peers: [], forgotten: 0 };
    if (!expected) {
      await this.#store.saveSetting('node', settingName, null);
      return { peers: [], forgotten: stored.policies.length };
    }
    this.known = true;
    this.policies = stored.policies;
    this.namespaces = new Map(stored.namespaces);
    return { peers: stored.peers, forgotten: 0 };
  }

  /** Stores what is known if that has changed. @param peers lists the pods of other nodes that rules select */
  async save(peers: () => Promise<SelectablePod[]>): Promise<void> {
    if (!this.changed || !this.expected || !this.known) return;
    this.changed = false;
    const stored: StoredCluster = {
      policies: this.policies,
      namespaces: [...this.namespaces],
      peers: await peers(),
    };
    try {
      await this.#store.saveSetting('node', settingName, stored);
    } catch (error) {
      this.changed = true;
      throw error;
    }
  }
}
