import { z } from 'zod';
import { CniError, cniErrorCodes } from './cni-error.ts';
import { type CniResult, parseCniResult } from './cni-result.ts';
import { type CniVersion, cniVersions, compareCniVersions, isCniVersion } from './cni-version.ts';
import { type DeviceKind, deviceKindSchema } from './device.ts';

/** Capability by which containerd passes the annotations of a pod. */
export const podAnnotationsCapability = 'io.kubernetes.cri.pod-annotations';
/** Annotation that chooses the kind of a pod's device. */
export const deviceAnnotation = 'podlane.io/device';
/** Annotation that names the runtime class of a pod, where nobody else tells it. */
export const runtimeClassAnnotation = 'podlane.io/runtime-class';

/**
 * What the plugin does with a container: gives it an interface, only records the one that a plugin before it in the chain
 * made, or replaces that one by its own.
 */
export const cniModes = ['attach', 'observe', 'convert'] as const;
export type CniMode = (typeof cniModes)[number];

const text = z.string().max(4096);
const portNumber = z.number().int().min(0).max(65_535);

/** A port of the node that leads to one of the container. */
export const portMappingSchema = z.object({
  hostPort: portNumber,
  containerPort: portNumber.min(1),
  protocol: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['tcp', 'udp', 'sctp']))
    .default('tcp'),
  hostIP: text.default(''),
});
export type PortMapping = z.infer<typeof portMappingSchema>;

const textMap = z.record(text, z.string().max(65_536));

/** The parts of `runtimeConfig` that Podlane knows. Others are left alone, as the specification asks. */
const runtimeConfigSchema = z.object({
  portMappings: z.array(portMappingSchema).max(256).nullish(),
  ips: z.array(text).max(16).nullish(),
  mac: text.nullish(),
  bandwidth: z.record(text, z.number()).nullish(),
  aliases: z.union([z.array(text).max(64), z.record(text, z.array(text).max(64))]).nullish(),
  [podAnnotationsCapability]: textMap.nullish(),
});

const cniArgumentsSchema = z.object({
  ips: z.array(text).max(16).nullish(),
  mac: text.nullish(),
  labels: z
    .array(z.object({ key: text, value: text }))
    .max(64)
    .nullish(),
});

const dnsSchema = z.object({
  nameservers: z.array(text).max(16).optional(),
  domain: text.optional(),
  search: z.array(text).max(32).optional(),
  options: z.array(text).max(32).optional(),
});

const attachmentSchema = z.object({ containerID: text, ifname: text });

/** Network configuration as a runtime passes it to the plugin. Unknown keys are allowed. */
const networkConfigSchema = z.object({
  name: z.string().max(253).optional(),
  mtu: z.number().int().min(0).max(65_535).optional(),
  pool: z
    .array(z.union([z.cidrv4(), z.cidrv6()]))
    .max(16)
    .optional(),
  ipam: z.looseObject({ type: text.optional() }).nullish(),
  dns: dnsSchema.nullish(),
  runtimeConfig: runtimeConfigSchema.nullish(),
  args: z.object({ cni: cniArgumentsSchema.nullish() }).nullish(),
  prevResult: z.record(z.string(), z.unknown()).nullish(),
  'cni.dev/valid-attachments': z.array(attachmentSchema).nullish(),
  'cni.dev/attachments': z.array(attachmentSchema).nullish(),
});

export interface CniConfig {
  version: CniVersion;
  name: string;
  /** Null if the network does not say: an ADD after another plugin observes, any other attaches. */
  mode: CniMode | null;
  /** Kind of device that the network asks for; null if it leaves that to the node. */
  device: DeviceKind | null;
  /** MTU in bytes; null for the default. */
  mtu: number | null;
  /** Prefixes that Podlane gives out addresses of where no IPAM plugin is named. */
  pool: string[];
  /** Name of the IPAM plugin; null if Podlane gives out the addresses. */
  ipam: string | null;
  dns: z.infer<typeof dnsSchema>;
  portMappings: PortMapping[];
  /** Addresses that were asked for, with or without a prefix length. */
  requestedAddresses: string[];
  requestedMac: string | null;
  aliases: string[];
  annotations: Record<string, string>;
  labels: Record<string, string>;
  previous: CniResult | null;
  /** Attachments that the runtime still knows (GC); null if it does not say, which means nothing. */
  validAttachments: { containerID: string; ifname: string }[] | null;
}

/** Returns the version of a configuration's text for an error about it; 0.1.0 if it does not tell. */
export function readCniVersion(config: string): CniVersion {
  try {
    const { cniVersion } = JSON.parse(config) as { cniVersion?: unknown };
    return isCniVersion(cniVersion) ? cniVersion : '0.1.0';
  } catch {
    return '0.1.0';
  }
}

/**
 * Parses a network configuration.
 * @throws CniError decoding failure, incompatible version, unsupported field, invalid configuration
 */
export function parseCniConfig(json: string): CniConfig {
  const raw = parseObject(json);
  const version = parseVersion(raw.cniVersion);
  const { data, error } = networkConfigSchema.safeParse(raw);
  if (error)
    throw new CniError(
      cniErrorCodes.invalidConfig,
      `invalid configuration: ${error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    );
  if (data.name === undefined || data.name === '')
    throw new CniError(cniErrorCodes.invalidConfig, 'missing network name');
  if (!isCniName(data.name))
    throw new CniError(
      cniErrorCodes.invalidConfig,
      `invalid characters in network name ${JSON.stringify(data.name)}`,
    );
  const runtime = data.runtimeConfig ?? {};
  const given = data.args?.cni ?? {};
  if (Object.values(runtime.bandwidth ?? {}).some((rate) => rate !== 0))
    throw new CniError(
      cniErrorCodes.unsupportedField,
      `unsupported field runtimeConfig.bandwidth ${JSON.stringify(runtime.bandwidth)}: chain the plugin bandwidth after this one and give it the capability`,
    );
  const previous = data.prevResult ? parseCniResult(data.prevResult, version) : null;
  return {
    version,
    name: data.name,
    mode: parseMode(raw.mode),
    device: parseDevice(raw.device),
    mtu: data.mtu || null,
    pool: data.pool ?? [],
    ipam: data.ipam?.type || null,
    dns: data.dns ?? {},
    portMappings: (runtime.portMappings ?? []).filter(({ hostPort }) => hostPort > 0),
    requestedAddresses: runtime.ips ?? given.ips ?? [],
    requestedMac: runtime.mac || given.mac || null,
    aliases: listAliases(runtime.aliases ?? [], data.name),
    annotations: runtime[podAnnotationsCapability] ?? {},
    labels: Object.fromEntries((given.labels ?? []).map(({ key, value }) => [key, value])),
    previous,
    validAttachments: data['cni.dev/valid-attachments'] ?? data['cni.dev/attachments'] ?? null,
  };
}

/** True for a name that the specification allows for networks and containers. */
export const isCniName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name);

function parseObject(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new CniError(
      cniErrorCodes.decodingFailure,
      `decode the network configuration: ${(error as Error).message}`,
    );
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new CniError(cniErrorCodes.decodingFailure, 'decode the network configuration: it is no object');
  return value as Record<string, unknown>;
}

function parseVersion(value: unknown): CniVersion {
  if (value === undefined || value === '') return '0.1.0';
  if (typeof value !== 'string')
    throw new CniError(
      cniErrorCodes.decodingFailure,
      'decode the network configuration: cniVersion is no text',
    );
  if (isCniVersion(value)) return value;
  throw new CniError(
    cniErrorCodes.incompatibleVersion,
    'incompatible CNI versions',
    `config is ${JSON.stringify(value)}, plugin supports ${JSON.stringify(cniVersions)}`,
  );
}

function parseMode(value: unknown): CniMode | null {
  if (value === undefined) return null;
  if (cniModes.includes(value as CniMode)) return value as CniMode;
  throw unsupported('mode', value, `one of ${cniModes.join(', ')}`);
}

function parseDevice(value: unknown): DeviceKind | null {
  if (value === undefined || value === '' || value === null) return null;
  const { data } = deviceKindSchema.safeParse(value);
  if (data === undefined) throw unsupported('device', value, 'netkit or veth');
  return data;
}

const unsupported = (key: string, value: unknown, expected: string): CniError =>
  new CniError(
    cniErrorCodes.unsupportedField,
    `unsupported field ${key} ${JSON.stringify(value)}: expected ${expected}`,
  );

/** Lists the aliases of a container in one network: Podman passes a list for each network by its name. */
const listAliases = (given: string[] | Record<string, string[]>, network: string): string[] =>
  Array.isArray(given) ? given : (given[network] ?? []);

/** Refuses a command that the version of a configuration does not have. @throws CniError incompatible version */
export function requireCniVersion(command: string, version: CniVersion, since: CniVersion): void {
  if (compareCniVersions(version, since) < 0)
    throw new CniError(
      cniErrorCodes.incompatibleVersion,
      `config version ${version} does not allow ${command}, which is of ${since}`,
    );
}
