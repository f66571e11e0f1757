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

// Field by field: a caller's object may have more to it than its type says, and Prisma refuses what it does not know.
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

/** u64 does not fit SQLite's signed integers, nor JSON's numbers: decimal strings. */
export const encodeCounters = (counters: CarriedCounters) => JSON.stringify(counters.map(String));
export const decodeCounters = (text: string): bigint[] => (JSON.parse(text) as string[]).map(BigInt);

/** Position by position; the shorter one counts as zeros beyond its end. */
export function addCounters(a: CarriedCounters, b: CarriedCounters): bigint[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0n) + (b[i] ?? 0n));
}

export async function pods(prisma: PrismaClient): Promise<PodRecord[]> {
  const rows = await prisma.pod.findMany({ where: { removedAt: null }, orderBy: { number: 'asc' } });
  return rows.map(toPod);
}

export async function devices(prisma: PrismaClient): Promise<DeviceRecord[]> {
  const rows = await prisma.device.findMany({ where: { removedAt: null }, orderBy: { id: 'asc' } });
  return rows.map(toDevice);
}

/** @throws ProblemError `pod_exists` */
export async function addPod(
  prisma: PrismaClient,
  pod: NewPodRecord,
  device: NewDeviceRecord,
): Promise<{ pod: PodRecord; device: DeviceRecord }> {
  try {
    const { devices, ...row } = await prisma.pod.create({
      data: { ...podRow(pod), devices: { create: deviceRow(device) } },
      include: { devices: true },
    });
    return { pod: toPod(row), device: toDevice(devices[0]!) };
  } catch (error) {
    throw asTaken(error, pod);
  }
}

function asTaken(error: unknown, pod: NewPodRecord): unknown {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== 'P2002') return error;
  if (!/"namespace"/.test(JSON.stringify(error.meta))) return error;
  return new ProblemError('pod_exists', `attach ${pod.namespace}/${pod.name}: there is a pod of this name`);
}

export async function moveHooks(prisma: PrismaClient, id: number, hooks: HookFamily): Promise<void> {
  await prisma.device.updateMany({ where: { id }, data: { hooks } });
}

export async function removePod(prisma: PrismaClient, id: string): Promise<void> {
  const removedAt = new Date();
  await prisma.$transaction([
    prisma.device.updateMany({ where: { podId: id, removedAt: null }, data: { removedAt } }),
    prisma.pod.updateMany({ where: { id, removedAt: null }, data: { removedAt } }),
    prisma.setting.deleteMany({ where: { scope: id } }),
  ]);
}

export async function forgetPod(prisma: PrismaClient, id: string): Promise<void> {
  await prisma.pod.deleteMany({ where: { id } });
}

export async function addDevice(prisma: PrismaClient, device: NewDeviceRecord): Promise<DeviceRecord> {
  return toDevice(await prisma.device.create({ data: { podId: device.podId, ...deviceRow(device) } }));
}

/** Does nothing to a device that is removed already: its counters are carried once. */
export async function removeDevice(
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
