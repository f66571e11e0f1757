import { deviceAnnotation } from '../../../contract/cni-config.ts';
import { type DeviceKind, deviceKindSchema } from '../../../contract/device.ts';
import type { DevicePolicy, DevicePolicyRule } from '../../../contract/device-policy.ts';

/** What a container is known by when the kind of its device is chosen. */
export interface ContainerIdentity {
  namespace: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  runtimeClass: string | null;
  /** `device` of the network's configuration. */
  configured: DeviceKind | null;
}

/** The chosen kind, and the reason in a clause. */
export interface ChosenKind {
  kind: DeviceKind;
  reason: string;
  /** True if netkit was asked for and the kernel has none. */
  fallback: boolean;
}

/** Chooses the kind of a container's device: by annotation, rule, network, node, in this order. */
export function chooseContainerKind(
  policy: DevicePolicy,
  identity: ContainerIdentity,
  netkit: { available: boolean; detail: string },
): ChosenKind {
  const { kind, reason } = chooseWanted(policy, identity);
  if (kind === null)
    return netkit.available
      ? { kind: 'netkit', reason: 'the kernel has netkit', fallback: false }
      : { kind: 'veth', reason: `the kernel has no netkit: ${netkit.detail}`, fallback: false };
  if (kind === 'netkit' && !netkit.available)
    return {
      kind: 'veth',
      reason: `${reason}, but the kernel has no netkit: ${netkit.detail}`,
      fallback: true,
    };
  return { kind, reason, fallback: false };
}

function chooseWanted(
  { default: preset, rules }: DevicePolicy,
  identity: ContainerIdentity,
): { kind: DeviceKind | null; reason: string } {
  const annotated = identity.annotations[deviceAnnotation];
  const { data } = deviceKindSchema.safeParse(annotated);
  if (data !== undefined)
    return { kind: data, reason: `the annotation ${deviceAnnotation} asks for ${data}` };
  const rule = rules.find((each) => selects(each, identity));
  if (rule !== undefined)
    return { kind: rule.kind, reason: `the node’s policy for ${describeRule(rule)} is ${rule.kind}` };
  if (identity.configured !== null)
    return {
      kind: identity.configured,
      reason: `the network’s configuration asks for ${identity.configured}`,
    };
  return { kind: preset, reason: `the node’s default is ${preset}` };
}

const selects = (
  { namespace, labels, runtimeClass }: DevicePolicyRule,
  identity: ContainerIdentity,
): boolean =>
  (namespace === undefined || namespace === identity.namespace) &&
  (runtimeClass === undefined || runtimeClass === identity.runtimeClass) &&
  Object.entries(labels ?? {}).every(([key, value]) => identity.labels[key] === value);

function describeRule({ namespace, labels, runtimeClass }: DevicePolicyRule): string {
  const parts = [
    ...(namespace === undefined ? [] : [`namespace ${namespace}`]),
    ...Object.entries(labels ?? {}).map(([key, value]) => `label ${key}=${value}`),
    ...(runtimeClass === undefined ? [] : [`runtime class ${runtimeClass}`]),
  ];
  return parts.length === 0 ? 'all pods' : parts.join(', ');
}
