import type { SettingStore } from '../store/store-interfaces.ts';

/** Name of the setting in the store, in scope `node` and in that of each pod with a setting of its own. */
const setting = 'redirect';

/** Whether packets between pods of this node are redirected: for the node, and for pods with a setting of their own. */
export class RedirectSettings {
  readonly #store: Pick<SettingStore, 'saveSetting'>;
  readonly #choices: Map<string, boolean>;

  private constructor(store: Pick<SettingStore, 'saveSetting'>, choices: Map<string, boolean>) {
    this.#store = store;
    this.#choices = choices;
  }

  static async open(store: Pick<SettingStore, 'settings' | 'saveSetting'>): Promise<RedirectSettings> {
    const choices = new Map<string, boolean>();
    for (const [scope, value] of await store.settings(setting))
      if (typeof value === 'boolean') choices.set(scope, value);
    return new RedirectSettings(store, choices);
  }

  /** Setting of the node; on where nobody changed it. */
  get node(): boolean {
    return this.#choices.get('node') ?? true;
  }

  /** Returns the setting of a pod; null where it is the node's. */
  ofPod(podId: string): boolean | null {
    return this.#choices.get(podId) ?? null;
  }

  /** Returns whether packets that a pod sends are redirected. */
  appliesTo(podId: string): boolean {
    return this.#choices.get(podId) ?? this.node;
  }

  /** Forgets the setting of a pod that left the node, as the store did with the pod. */
  forget(podId: string): void {
    this.#choices.delete(podId);
  }

  /** Saves a setting. @param scope `node` or a pod's id @param choice null removes the pod's setting */
  async save(scope: string, choice: boolean | null): Promise<void> {
    await this.#store.saveSetting(scope, setting, choice);
    if (choice === null) this.#choices.delete(scope);
    else this.#choices.set(scope, choice);
  }
}
