import { isIpv6Text } from '../../../contract/cidr.ts';
import type { CniConfig } from '../../../contract/cni-config.ts';
import { CniError, cniErrorCodes } from '../../../contract/cni-error.ts';
import type { CniDns, CniResult, CniRoute } from '../../../contract/cni-result.ts';
import { type NewPod, newPodSchema } from '../../../contract/pod.ts';
import { type ExtraRoute, podNetworkSchema } from '../../../contract/pod-network.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { ContainerRecord } from '../../store/records.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import type { PodLifecycle } from '../pods/pod-lifecycle.ts';
import type { AddressPool } from './address-pool.ts';
import { listChainedPlugins } from './chained-plugins.ts';
import type { ChosenKind, ContainerIdentity } from './choose-kind.ts';
import type { ContainerCall } from './cni-call.ts';
import { boundAnnotations, type ContainerMetadata, chooseFreeName } from './container-identity.ts';
import { buildContainerResult, buildConvertedResult } from './container-result.ts';
import { setAsideInterface } from './convert-interface.ts';
import { callPlugin, type DelegateCall, findPlugin } from './delegate-plugin.ts';
import { withLeaseInterface } from './lease-interface.ts';
import { containerKey, type PendingDeletions } from './pending-deletions.ts';
import type { PortMappings } from './port-mappings.ts';
import type { ProperHooks } from './proper-hooks.ts';

/** IPAM plugins that ask over the container's interface, which has to be there before. */
const leasePlugins: ReadonlySet<string> = new Set(['dhcp']);
/** Source of the packets by which a lease is asked for. */
const unspecifiedSource = '0.0.0.0/32';
/** Maximum size of what is kept of a call to release its addresses, in bytes. */
const maxReleaseBytes = 65_536;
const defaultMtu = 1500;
/** How many addresses of the pool are tried that the node or others turn out to have. */
const maxAttempts = 32;

/** Network of a container that asks for nothing special, but for its addresses. */
const usualNetwork = podNetworkSchema.omit({ addresses: true }).parse({ mtu: defaultMtu });

/** What attaching a container needs. */
export interface AttachContext {
  context: DatapathContext;
  lifecycle: PodLifecycle;
  pool: AddressPool;
  ports: PortMappings;
  pending: PendingDeletions;
  hooks: ProperHooks;
  /** Folder of the network configurations that runtimes read, unless a call names another. */
  configFolder: string;
  /** Does work for which the runtime need not wait. */
  publish: (work: () => Promise<void>) => void;
  chooseKind: (identity: ContainerIdentity) => ChosenKind;
}

/** Addresses that a container gets, and what came with them. */
interface AssignedAddresses {
  /** With prefix lengths of single addresses. */
  addresses: string[];
  /** True if others would do as well: nobody asked for these. */
  chosen: boolean;
  routes: ExtraRoute[];
  dns: CniDns;
  macs?: { primary: string; peer: string };
  /** Gives the addresses back; they are the pod's own once it is attached. */
  undo(): Promise<void>;
  /** Called once the pod is attached. */
  keep(): void;
}

/** An ADD in progress. */
interface Addition {
  attach: AttachContext;
  call: ContainerCall;
  config: CniConfig;
  metadata: ContainerMetadata;
  chosen: ChosenKind;
}

/**
 * Attaches a container as a pod: with addresses of its own pool or of an IPAM plugin, or in place of the interface that an
 * earlier plugin made. A failure leaves nothing.
 * @throws CniError, ProblemError
 */
export async function attachContainer(
  attach: AttachContext,
  call: ContainerCall,
  config: CniConfig,
  metadata: ContainerMetadata,
): Promise<CniResult> {
  const { namespace, labels, annotations, runtimeClass } = metadata;
  const chosen = attach.chooseKind({
    namespace,
    labels,
    annotations,
    runtimeClass,
    configured: config.device,
  });
  attach.ports.check(config.portMappings);
  const addition: Addition = { attach, call, config, metadata, chosen };
  return config.mode === 'convert' ? convertContainer(addition) : addContainer(addition);
}

async function addContainer(addition: Addition): Promise<CniResult> {
  const { attach, call, config } = addition;
  for (let attempt = 1; ; attempt++) {
    const assigned = await (config.ipam === null
      ? reserveAddresses(addition)
      : delegateAddresses(addition, config.ipam));
    try {
      const pod = await attachPod(addition, assigned);
      assigned.keep();
      return buildContainerResult(pod, call.netns);
    } catch (error) {
      await assigned.undo();
      if (!assigned.chosen || !isAddressInUse(error) || attempt === maxAttempts) throw error;
      attach.pool.avoid(assigned.addresses);
    }
  }
}

const isAddressInUse = (error: unknown): boolean =>
  error instanceof ProblemError && error.code === 'address_in_use';

async function convertContainer(addition: Addition): Promise<CniResult> {
  const { attach, call, config } = addition;
  const { previous } = config;
  if (previous === null)
    throw new CniError(
      cniErrorCodes.invalidConfig,
      'mode convert needs a plugin before this one in the chain: there is no prevResult',
    );
  const aside = await setAsideInterface(attach.context.kernel, call.netns, call.interface, previous);
  try {
    const pod = await attachPod(addition, {
      addresses: aside.addresses.map(toSingleAddress),
      routes: aside.destinations.map((destination) => ({ destination })),
      dns: config.dns,
      mtu: aside.mtu,
    });
    await aside.delete();
    return buildConvertedResult(pod, call.netns, previous, {
      hostEnd: aside.hostEnd,
      interface: call.interface,
    });
  } catch (error) {
    await aside
      .restore()
      .catch((err: unknown) =>
        attach.context.log.error({ err, container: call.containerId }, 'restore an interface'),
      );
    throw error;
  }
}

/** Attaches the pod with its port mappings, and publishes it. */
async function attachPod(
  addition: Addition,
  assigned: Pick<AssignedAddresses, 'addresses' | 'routes' | 'dns' | 'macs'> & { mtu?: number },
): Promise<LivePod> {
  const { attach, call, config } = addition;
  const { lifecycle, ports, hooks } = attach;
  const wanted = buildNewPod(addition, assigned);
  // The plugin `bandwidth` adds an `ingress` qdisc, beside which there is no clsact.
  const shaped = listChainedPlugins(config.name, call.environment.NETCONFPATH || attach.configFolder).includes('bandwidth');
  const pod = await lifecycle.attach(wanted, {
    container: buildContainerRecord(addition, assigned.dns),
    description: addition.metadata.description,
    hooks: hooks.chooseFirst(shaped),
  });
  if (config.portMappings.length > 0)
    await ports.write().catch(async (error: unknown) => {
      await lifecycle.detach(pod);
      throw error;
    });
  hooks.add(pod);
  attach.publish(() => publishAttached(addition, pod));
  return pod;
}

async function publishAttached({ attach, call, config, chosen }: Addition, pod: LivePod): Promise<void> {
  const { publish } = attach.context;
  const about = { podId: pod.record.id, migrationId: null };
  const { kind, primaryName } = getCurrentDevice(pod);
  publish.pod(pod);
  await publish.event({
    ...about,
    type: 'pod.attached',
    severity: 'info',
    message: `${formatPodName(pod)} attached by ${kind} ${primaryName} for container ${call.containerId.slice(0, 12)} of network ${config.name}`,
  });
  if (chosen.fallback)
    await publish.event({
      ...about,
      type: 'cni.fallback',
      severity: 'warning',
      message: `${formatPodName(pod)} got veth: ${chosen.reason}`,
    });
}

function buildNewPod(
  { attach, call, config, metadata, chosen }: Addition,
  {
    addresses,
    routes,
    macs,
    mtu,
  }: Pick<AssignedAddresses, 'addresses' | 'routes' | 'macs'> & { mtu?: number },
): NewPod {
  const { namespace, labels } = metadata;
  const annotations = boundAnnotations(metadata.annotations);
  const leased = config.ipam !== null && leasePlugins.has(config.ipam) && config.mode === 'attach';
  const mac = config.requestedMac;
  const hasMacs = leased || mac !== null;
  const common = {
    namespace,
    name: chooseFreeName(attach.context.registry, namespace, metadata.name, call.containerId),
    netns: call.netns,
    kind: chosen.kind,
    addresses,
    interface: call.interface,
    labels,
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
  const wantedMtu = config.mtu ?? mtu ?? defaultMtu;
  // What most containers get has been checked part by part.
  if (config.ipam === null && config.mode === 'attach' && !hasMacs && wantedMtu === defaultMtu)
    return { ...usualNetwork, ...common };
  const { data, error } = newPodSchema.safeParse({
    ...common,
    routes,
    mtu: wantedMtu,
    // netkit has MACs in mode L2 only.
    ...(hasMacs
      ? { netkit: { mode: 'l2' }, macs: macs ?? { primary: siblingMac(mac ?? ''), peer: mac } }
      : {}),
    ...(leased ? { checks: { sourcePrefixes: [unspecifiedSource] } } : {}),
  });
  if (data !== undefined) return data;
  throw new CniError(
    cniErrorCodes.invalidConfig,
    `attach container ${call.containerId}: ${error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
  );
}

/** Returns a MAC address for the primary of a device whose peer was given one: the same with another last bit but one. */
function siblingMac(mac: string): string {
  const last = Number.parseInt(mac.slice(-2), 16) ^ 0x02;
  return `${mac.slice(0, -2)}${Number.isNaN(last) ? '00' : last.toString(16).padStart(2, '0')}`;
}

function buildContainerRecord({ call, config, metadata, chosen }: Addition, dns: CniDns): ContainerRecord {
  const ipam = config.mode === 'attach' ? config.ipam : null;
  return {
    id: call.containerId,
    network: config.name,
    interface: call.interface,
    mode: config.mode === 'convert' ? 'convert' : 'attach',
    uid: metadata.uid,
    runtimeClass: metadata.runtimeClass,
    aliases: config.aliases,
    ipam,
    portMappings: config.portMappings,
    kindReason: chosen.reason,
    request: call.request,
    release: ipam === null ? null : buildRelease(call),
    dns: Object.keys(config.dns).length > 0 ? config.dns : dns,
  };
}

/** Keeps what an IPAM plugin needs to release the addresses of a container, without the rest of the configuration. */
function buildRelease({ environment, config }: ContainerCall): ContainerRecord['release'] {
  const { cniVersion, name, type, ipam, args, runtimeConfig } = JSON.parse(config) as Record<string, unknown>;
  const { ips } = (runtimeConfig ?? {}) as { ips?: unknown };
  const kept = JSON.stringify({
    cniVersion,
    name,
    type,
    ipam,
    args,
    ...(ips === undefined ? {} : { runtimeConfig: { ips } }),
  });
  if (Buffer.byteLength(kept) + Buffer.byteLength(JSON.stringify(environment)) > maxReleaseBytes)
    throw new CniError(
      cniErrorCodes.invalidConfig,
      `ipam and args have more than ${maxReleaseBytes} bytes, which are kept to release the addresses`,
    );
  return { environment, config: kept };
}

function reserveAddresses({ attach, config, call }: Addition): AssignedAddresses {
  const requested = [...config.requestedAddresses, ...(call.args.IP ? [call.args.IP] : [])];
  if (config.pool.length === 0 && requested.length === 0)
    throw new CniError(
      cniErrorCodes.invalidConfig,
      'the configuration has neither ipam nor pool: name an IPAM plugin, or prefixes to give out addresses of',
    );
  const reserved = attach.pool.reserve(config.pool, requested);
  return {
    addresses: reserved.addresses,
    chosen: requested.length === 0,
    routes: [],
    dns: {},
    undo: async () => reserved.release(),
    keep: () => reserved.release(),
  };
}

async function delegateAddresses(addition: Addition, plugin: string): Promise<AssignedAddresses> {
  const { attach, call, config } = addition;
  const delegate: DelegateCall = {
    plugin,
    environment: call.environment,
    config: call.config,
    version: config.version,
  };
  const key = containerKey(config.name, call.containerId, call.interface);
  findPlugin(plugin, call.environment.CNI_PATH ?? '');
  // Before the plugin has given out anything, so that a killed agent's successor gets it back.
  attach.pending.add(key, call);
  const undo = async (): Promise<void> => {
    try {
      await callPlugin('DEL', delegate);
      attach.pending.remove(key);
    } catch (err) {
      // It stays pending, and is tried again.
      attach.context.log.warn({ err, container: call.containerId }, 'release addresses');
    }
  };
  try {
    const { result, macs } = await askForAddresses(addition, delegate);
    const addresses = result.ips.map(({ address }) => toSingleAddress(stripPrefixLength(address)));
    if (addresses.length === 0)
      throw new ProblemError(
        'delegate_failed',
        `plugin ${plugin} gave container ${call.containerId} no address`,
      );
    return {
      addresses,
      chosen: false,
      routes: result.routes.flatMap((route) => toExtraRoute(route, addresses) ?? []),
      dns: result.dns,
      ...(macs === undefined ? {} : { macs }),
      undo,
      keep: () => attach.pending.remove(key),
    };
  } catch (error) {
    await undo();
    throw error;
  }
}

async function askForAddresses(
  { attach, call, config }: Addition,
  delegate: DelegateCall,
): Promise<{ result: CniResult; macs?: AssignedAddresses['macs'] }> {
  const ask = async (): Promise<CniResult> => {
    const result = await callPlugin('ADD', delegate);
    if (result === null) throw new Error(`plugin ${delegate.plugin} returned no result`);
    return result;
  };
  if (!leasePlugins.has(delegate.plugin)) return { result: await ask() };
  return withLeaseInterface(
    attach.context.kernel,
    call.netns,
    call.interface,
    config.requestedMac,
    async (macs) => ({ result: await ask(), macs }),
  );
}

/**
 * Converts a route of an IPAM plugin. A default route is there already, and every route leads to the pods' gateway; one of a
 * family without address is left out, as the kernel would refuse it.
 */
function toExtraRoute(route: CniRoute, addresses: readonly string[]): ExtraRoute | null {
  for (const key of ['advmss', 'table', 'scope'] as const)
    if (route[key])
      throw new CniError(
        cniErrorCodes.unsupportedField,
        `unsupported field ${key} ${route[key]} of the route to ${route.dst}`,
      );
  if (route.dst.endsWith('/0')) return null;
  if (!addresses.some((each) => isIpv6Text(each) === isIpv6Text(route.dst))) return null;
  return {
    destination: route.dst,
    ...(route.priority ? { metric: route.priority } : {}),
    ...(route.mtu ? { mtu: route.mtu } : {}),
  };
}

const toSingleAddress = (address: string): string => `${address}/${isIpv6Text(address) ? 128 : 32}`;
