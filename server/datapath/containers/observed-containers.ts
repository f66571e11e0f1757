import { statSync } from 'node:fs';
import type { CniConfig } from '../../../contract/cni-config.ts';
import { type ObservedContainer, observedContainerSchema } from '../../../contract/container.ts';
import type { SettingStore } from '../../store/store-interfaces.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import type { ContainerCall } from './cni-call.ts';
import { boundAnnotations, type ContainerMetadata } from './container-identity.ts';

/** Name of the setting that holds an observed container, in a scope of its own. */
const setting = 'observed-container';
/** Maximum number of records; the oldest make room. */
const maxObserved = 4096;

type ObservedStore = Pick<SettingStore, 'settings' | 'saveSetting'>;

/** Containers whose interface another plugin made, in mode `observe`: who they are, for whoever looks at the interface. */
export class ObservedContainers {
  readonly #store: ObservedStore;
  readonly #containers: Map<string, ObservedContainer>;

  private constructor(store: ObservedStore, containers: Map<string, ObservedContainer>) {
    this.#store = store;
    this.#containers = containers;
  }

  static async open(store: ObservedStore): Promise<ObservedContainers> {
    const containers = new Map<string, ObservedContainer>();
    for (const [scope, value] of await store.settings(setting)) {
      const { data } = observedContainerSchema.safeParse(value);
      if (data !== undefined) containers.set(scope.slice(scopeOf('').length), data);
    }
    return new ObservedContainers(store, containers);
  }

  list(): ObservedContainer[] {
    return [...this.#containers.values()];
  }

  get(key: string): ObservedContainer | undefined {
    return this.#containers.get(key);
  }

  async add(
    key: string,
    call: ContainerCall,
    { name: network, previous }: CniConfig,
    metadata: ContainerMetadata,
  ): Promise<void> {
    const [oldest] = this.#containers.keys();
    if (this.#containers.size >= maxObserved && oldest !== undefined) await this.remove(oldest);
    const place =
      previous?.interfaces.findIndex(({ name, sandbox }) => name === call.interface && sandbox) ?? -1;
    const container: ObservedContainer = {
      id: call.containerId,
      network,
      interface: call.interface,
      netns: call.netns,
      // A bridge comes before its port.
      hostInterface: previous?.interfaces.findLast(({ sandbox }) => !sandbox)?.name ?? null,
      addresses: (previous?.ips ?? [])
        .filter((ip) => ip.interface === undefined || ip.interface === place)
        .map(({ address }) => stripPrefixLength(address)),
      namespace: call.args.K8S_POD_NAMESPACE ? metadata.namespace : null,
      name: call.args.K8S_POD_NAME ? metadata.name : null,
      uid: metadata.uid,
      annotations: boundAnnotations(metadata.annotations),
    };
    await this.#store.saveSetting(scopeOf(key), setting, container);
    this.#containers.set(key, container);
  }

  async remove(key: string): Promise<void> {
    if (!this.#containers.has(key)) return;
    await this.#store.saveSetting(scopeOf(key), setting, null);
    this.#containers.delete(key);
  }

  /** Removes the records of containers whose namespace is not at its path any more. */
  async removeGone(isValid: (container: ObservedContainer) => boolean): Promise<void> {
    for (const [key, container] of [...this.#containers])
      if (!isValid(container) && statSync(container.netns, { throwIfNoEntry: false }) === undefined)
        await this.remove(key);
  }
}

const scopeOf = (key: string): string => `cni:${key}`;
