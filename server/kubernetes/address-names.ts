import { formatIpAddress, parseAddress } from '../../contract/cidr.ts';
import type { ClusterAddressOwner } from '../../contract/kubernetes.ts';
import type { ClusterService, ServiceEndpoints } from './cluster-objects.ts';
import type { ReflectedChange } from './reflector.ts';

/** Finds which service or pod of the cluster has an address. */
export class AddressNames {
  readonly #services = new Map<string, ClusterAddressOwner>();
  /** Pods behind services, with the slices that name them: a slice may be removed while another still has the pod. */
  readonly #pods = new Map<string, Map<string, ClusterAddressOwner>>();

  /** Returns the owner of an address; null if the cluster knows none. @param address as `formatIpAddress` writes it */
  ownerOf(address: string): ClusterAddressOwner | null {
    const [pod] = this.#pods.get(address)?.values() ?? [];
    return this.#services.get(address) ?? pod ?? null;
  }

  changeService({ before, after }: ReflectedChange<ClusterService>): void {
    for (const address of before?.addresses ?? []) this.#services.delete(canonical(address));
    if (after === undefined) return;
    const owner = { kind: 'service' as const, namespace: after.namespace, name: after.name };
    for (const address of after.addresses) this.#services.set(canonical(address), owner);
  }

  changeEndpoints({ key, before, after }: ReflectedChange<ServiceEndpoints>): void {
    for (const { address } of before?.endpoints ?? []) {
      const owners = this.#pods.get(canonical(address));
      owners?.delete(key);
      if (owners?.size === 0) this.#pods.delete(canonical(address));
    }
    for (const { address, pod } of after?.endpoints ?? []) {
      if (pod === null) continue;
      const owners = this.#pods.get(canonical(address)) ?? new Map<string, ClusterAddressOwner>();
      owners.set(key, { kind: 'pod', namespace: after?.namespace ?? '', name: pod });
      this.#pods.set(canonical(address), owners);
    }
  }
}

function canonical(address: string): string {
  try {
    return formatIpAddress(parseAddress(address));
  } catch {
    return address;
  }
}
