import type { DeviceKind, HookFamily } from '../../contract/device.ts';
import type { PodNetwork } from '../../contract/network.ts';
import { ProblemError } from '../../contract/problem.ts';
import { Prisma, type PrismaClient } from './client/client.ts';
import type { DeviceModel, PodModel } from './client/models.ts';
import type { CarriedCounters, DeviceRecord, NewDeviceRecord, NewPodRecord, PodRecord } from './records.ts';

const toPod = (row: PodModel): PodRecord => ({
  ...row,
  labels: JSON.parse(row.labels) as Record<string, string>,
  network: JSON.parse(row.network) as PodNetwork,
  carried: decodeCounters(row.carried),
});

const toDevice = ({ removedAt: _, ...row }: DeviceModel): DeviceRecord => ({
  ...row,
  kind: row.kind as DeviceKind,
  hooks: row.hooks as HookFamily,
});

// Field by field: a caller's object may have more properties than its type, and Prisma rejects unknown ones.
const podRow = (pod: NewPodRecord) => {
  const { id, namespace, name, netnsPath, netnsInode } = pod;
  const labels = JSON.stringify(pod.labels);
  return {
    id,
    namespace,
    name,
    labels,
    netnsPath,
    netnsInode,
    network: JSON.stringify(pod.network),
    carried: '[]',
  };
};

const deviceRow = ({ kind, hooks, slot, primaryName, primaryMac, peerMac }: NewDeviceRecord) => {
  return { kind, hooks, slot, primaryName, primaryMac, peerMac };
};

/**
 * Encodes u64 counters as a JSON array of decimal strings, because neither SQLite's integers nor JSON numbers can
 * hold them.
 */
const encodeCounters = (counters: CarriedCounters) => JSON.stringify(counters.map(String));
const decodeCounters = (text: string): bigint[] => (JSON.parse(text) as string[]).map(BigInt);

/** Adds counters element by element; the shorter array counts as zeros beyond its end. */
function addCounters(a: CarriedCounters, b: CarriedCounters): bigint[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0n) + (b[i] ?? 0n));
}

export async function readPodRecords(prisma: PrismaClient): Promise<PodRecord[]> {
  const rows = await prisma.pod.findMany({ where: { removedAt: null }, orderBy: { number: 'asc' } });
  return rows.map(toPod);
}

export async function readDeviceRecords(prisma: PrismaClient): Promise<DeviceRecord[]> {
  const rows = await prisma.device.findMany({ where: { removedAt: null }, orderBy: { id: 'asc' } });
  return rows.map(toDevice);
}

/** Adds a pod with its first device. @throws ProblemError `pod_exists` */
export async function addPodRecord(
  prisma: PrismaClient,
  pod: NewPodRecord,
  device: NewDeviceRecord,
): Promise<{ pod: PodRecord; device: DeviceRecord }> {
  try {
    const { devices: added, ...row } = await prisma.pod.create({
      data: { ...podRow(pod), devices: { create: deviceRow(device) } },
      include: { devices: true },
    });
    const [first] = added;
    if (first === undefined) throw new Error(`add pod ${pod.id}: the insert returned no device`);
    return { pod: toPod(row), device: toDevice(first) };
  } catch (error) {
    throw asPodExists(error, pod);
  }
}

function asPodExists(error: unknown, pod: NewPodRecord): unknown {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== 'P2002') return error;
  if (!/"namespace"/.test(JSON.stringify(error.meta))) return error;
  return new ProblemError('pod_exists', `attach ${pod.namespace}/${pod.name}: a pod of this name exists`);
}

export async function saveDeviceHooks(prisma: PrismaClient, id: number, hooks: HookFamily): Promise<void> {
  await prisma.device.updateMany({ where: { id }, data: { hooks } });
}

export async function saveDeviceMacs(
  prisma: PrismaClient,
  id: number,
  { primaryMac, peerMac }: { primaryMac: string; peerMac: string },
): Promise<void> {
  await prisma.device.updateMany({ where: { id }, data: { primaryMac, peerMac } });
}

export async function markPodRemoved(prisma: PrismaClient, id: string): Promise<void> {
  const removedAt = new Date();
  await prisma.$transaction([
    prisma.device.updateMany({ where: { podId: id, removedAt: null }, data: { removedAt } }),
    prisma.pod.updateMany({ where: { id, removedAt: null }, data: { removedAt } }),
    prisma.setting.deleteMany({ where: { scope: id } }),
  ]);
}

export async function deletePodRecord(prisma: PrismaClient, id: string): Promise<void> {
  await prisma.pod.deleteMany({ where: { id } });
}

export async function addDeviceRecord(prisma: PrismaClient, device: NewDeviceRecord): Promise<DeviceRecord> {
  return toDevice(await prisma.device.create({ data: { podId: device.podId, ...deviceRow(device) } }));
}

/** Marks a device as removed and adds `counters` to the pod's sums. Does nothing for a device that is already removed. */
export async function markDeviceRemoved(
  prisma: PrismaClient,
  id: number,
  counters: CarriedCounters,
): Promise<void> {
  const device = await prisma.device.findFirst({
    where: { id, removedAt: null },
    include: { pod: { select: { carried: true } } },
  });
  if (device === null) return;
  const carried = encodeCounters(addCounters(decodeCounters(device.pod.carried), counters));
  await prisma.$transaction([
    prisma.device.updateMany({ where: { id }, data: { removedAt: new Date() } }),
    prisma.pod.updateMany({ where: { id: device.podId }, data: { carried } }),
  ]);
}
