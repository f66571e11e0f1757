import { z } from 'zod';
import { isIpv6Text } from './cidr.ts';
import { CniError, cniErrorCodes } from './cni-error.ts';
import { type CniVersion, compareCniVersions, isCniVersion } from './cni-version.ts';

const interfaceSchema = z.looseObject({
  name: z.string(),
  mac: z.string().optional(),
  mtu: z.number().optional(),
  sandbox: z.string().optional(),
  socketPath: z.string().optional(),
  pciID: z.string().optional(),
});
const routeSchema = z.object({
  dst: z.string(),
  gw: z.string().optional(),
  mtu: z.number().optional(),
  advmss: z.number().optional(),
  priority: z.number().optional(),
  table: z.number().optional(),
  scope: z.number().optional(),
});
const addressSchema = z.object({
  address: z.string(),
  gateway: z.string().optional(),
  interface: z.number().int().nullish(),
});
const dnsSchema = z.object({
  nameservers: z.array(z.string()).nullish(),
  domain: z.string().nullish(),
  search: z.array(z.string()).nullish(),
  options: z.array(z.string()).nullish(),
});
/** Results of the specification from 0.3.0 on; `ips` had a `version` up to 0.4.0. */
const resultSchema = z.object({
  interfaces: z.array(interfaceSchema).nullish(),
  ips: z.array(addressSchema).nullish(),
  routes: z.array(routeSchema).nullish(),
  dns: dnsSchema.nullish(),
});
const oldAddressSchema = z.object({
  ip: z.string(),
  gateway: z.string().optional(),
  routes: z.array(routeSchema).nullish(),
});
/** Results of 0.1.0 and 0.2.0. */
const oldResultSchema = z.object({
  ip4: oldAddressSchema.nullish(),
  ip6: oldAddressSchema.nullish(),
  dns: dnsSchema.nullish(),
});

export type CniInterface = z.infer<typeof interfaceSchema>;
export type CniRoute = z.infer<typeof routeSchema>;
export interface CniAddress {
  address: string;
  gateway?: string | undefined;
  /** Index in `interfaces`. */
  interface?: number | undefined;
}
export interface CniDns {
  nameservers?: string[] | undefined;
  domain?: string | undefined;
  search?: string[] | undefined;
  options?: string[] | undefined;
}

/** Result of an ADD, as of the newest version of the specification. */
export interface CniResult {
  interfaces: CniInterface[];
  ips: CniAddress[];
  routes: CniRoute[];
  dns: CniDns;
}

/**
 * Parses a result in the version that it says, or else in that of the configuration that it belongs to.
 * @throws CniError decoding failure, incompatible version
 */
export function parseCniResult(value: Record<string, unknown>, configured: CniVersion): CniResult {
  const said = value.cniVersion ?? configured;
  if (!isCniVersion(said))
    throw new CniError(
      cniErrorCodes.incompatibleVersion,
      `a result is in the unknown CNI version ${JSON.stringify(said)}`,
    );
  return compareCniVersions(said, '0.3.0') < 0 ? parseOldResult(value) : parseNewResult(value);
}

function parseNewResult(value: Record<string, unknown>): CniResult {
  const { interfaces, ips, routes, dns } = decode(resultSchema, value);
  return {
    interfaces: interfaces ?? [],
    ips: (ips ?? []).map(({ address, gateway, interface: index }) => ({
      address,
      ...(gateway === undefined ? {} : { gateway }),
      ...(index === undefined || index === null ? {} : { interface: index }),
    })),
    routes: routes ?? [],
    dns: withoutEmpty(dns),
  };
}

function parseOldResult(value: Record<string, unknown>): CniResult {
  const { ip4, ip6, dns } = decode(oldResultSchema, value);
  const found = [ip4, ip6].filter((each) => each !== null && each !== undefined);
  return {
    interfaces: [],
    ips: found.map(({ ip, gateway }) => ({ address: ip, ...(gateway === undefined ? {} : { gateway }) })),
    routes: found.flatMap(({ routes }) => routes ?? []),
    dns: withoutEmpty(dns),
  };
}

function decode<T>(schema: z.ZodType<T>, value: unknown): T {
  const { data, error } = schema.safeParse(value);
  if (data !== undefined) return data;
  const problems = error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new CniError(cniErrorCodes.decodingFailure, `decode a result: ${problems}`);
}

const withoutEmpty = (dns: z.infer<typeof dnsSchema> | null | undefined): CniDns =>
  Object.fromEntries(Object.entries(dns ?? {}).filter(([, value]) => value !== null && value !== undefined));

/** Formats a result as JSON in the version that was asked for. What that version has no field for is left out. */
export function formatCniResult(result: CniResult, version: CniVersion): Record<string, unknown> {
  if (compareCniVersions(version, '0.3.0') < 0) return { cniVersion: version, ...formatOldResult(result) };
  const newest = compareCniVersions(version, '1.1.0') >= 0;
  return {
    cniVersion: version,
    interfaces: result.interfaces.map((each) =>
      newest ? each : { name: each.name, mac: each.mac, sandbox: each.sandbox },
    ),
    ips: result.ips.map((each) =>
      compareCniVersions(version, '1.0.0') < 0
        ? { version: isIpv6Text(each.address) ? '6' : '4', ...each }
        : each,
    ),
    routes: result.routes.map((each) => (newest ? each : { dst: each.dst, gw: each.gw })),
    dns: result.dns,
  };
}

/** Formats a result of 0.1.0 and 0.2.0, which has one address of each family. */
function formatOldResult({ ips, routes, dns }: CniResult): Record<string, unknown> {
  const of = (six: boolean): object | undefined => {
    const first = ips.find(({ address }) => isIpv6Text(address) === six);
    if (first === undefined) return undefined;
    return {
      ip: first.address,
      gateway: first.gateway,
      routes: routes.filter(({ dst }) => isIpv6Text(dst) === six).map(({ dst, gw }) => ({ dst, gw })),
    };
  };
  return { ip4: of(false), ip6: of(true), dns };
}
