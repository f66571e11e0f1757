import type { Adoption } from '../../contract/adoption.ts';
import type { DeviceKind, HookFamily } from '../../contract/device.ts';
import { defaultPacketChecks } from '../../contract/packet-checks.ts';
import type { PodNetwork } from '../../contract/pod-network.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { PrismaClient } from './client/client.ts';
import type { DeviceModel, PodModel } from './client/models.ts';
import type { DatabaseConnection } from './database-connection.ts';
import type {
  CarriedCounters,
  DeviceRecord,
  NewDeviceRecord,
  NewPodRecord,
  PodRecord,
  ScopedSettings,
  StoredPod,
} from './records.ts';
import { readScope } from './scoped-settings.ts';
import {
  type DatabaseTransaction,
  formatTime,
  insertRow,
  readInsertedId,
  runTransaction,
  statement,
} from './sql-statements.ts';
import { describeSqliteError } from './sqlite-error.ts';

const toPod = (row: PodModel): PodRecord => ({
  ...row,
  labels: JSON.parse(row.labels) as Record<string, string>,
  network: readNetwork(row.network),
  adoption: row.adoption === null ? null : (JSON.parse(row.adoption) as Adoption),
  carried: decodeCounters(row.carried),
});

/** Reads a pod's network configuration. Pods of earlier versions have no packet checks, which are strict then. */
const readNetwork = (text: string): PodNetwork => ({
  checks: defaultPacketChecks,
  ...(JSON.parse(text) as Omit<PodNetwork, 'checks'>),
});

const toDevice = ({ removedAt: _, primaryIfindex, peerIfindex, ...row }: DeviceModel): DeviceRecord => ({
  ...row,
  kind: row.kind as DeviceKind,
  hooks: row.hooks as HookFamily,
  foreignIfindexes:
    primaryIfindex === null || peerIfindex === null ? null : { primary: primaryIfindex, peer: peerIfindex },
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
    adoption: pod.adoption ? JSON.stringify(pod.adoption) : null,
    carried: '[]',
  };
};

const deviceRow = (device: NewDeviceRecord) => {
  const { kind, hooks, slot, primaryName, primaryMac, peerMac, foreignIfindexes } = device;
  return {
    kind,
    hooks,
    slot,
    primaryName,
    primaryMac,
    peerMac,
    primaryIfindex: foreignIfindexes?.primary ?? null,
    peerIfindex: foreignIfindexes?.peer ?? null,
  };
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

/** Builds the record of a new pod. @param number number that no pod has had */
export const buildPodRecord = (pod: NewPodRecord, number: number): PodRecord => {
  const { id, namespace, name, labels, netnsPath, netnsInode, network, adoption = null } = pod;
  const fields = { id, namespace, name, labels: { ...labels }, netnsPath, netnsInode, network, adoption };
  return { number, ...fields, carried: [], createdAt: new Date(), removedAt: null };
};

/** Returns the number of the next pod, which none has had. */
export async function readNextPodNumber(connection: DatabaseConnection): Promise<number> {
  const { rows } = await connection.queryRaw(
    statement(`SELECT "seq" FROM "sqlite_sequence" WHERE "name" = 'Pod'`, []),
  );
  return Number(rows[0]?.[0] ?? 0) + 1;
}

/**
 * Adds a pod with its first device and its settings. By SQL, as `markPodRemoved` and `deletePodRecord`: a container's start
 * and end wait for them, and Prisma takes ten times as long. @throws ProblemError `pod_exists`
 */
export async function addPodRecord(
  connection: DatabaseConnection,
  pod: PodRecord,
  device: NewDeviceRecord,
  settings: ScopedSettings,
): Promise<DeviceRecord> {
  const { createdAt } = pod;
  const time = formatTime(createdAt);
  const row = deviceRow(device);
  try {
    return await runTransaction(connection, async (transaction) => {
      await insertRow(transaction, 'Pod', { number: pod.number, ...podRow(pod), createdAt: time });
      await insertRow(transaction, 'Device', { ...row, podId: device.podId, createdAt: time });
      const id = await readInsertedId(transaction);
      for (const [name, value] of Object.entries(settings))
        await insertRow(transaction, 'Setting', { scope: pod.id, name, value: JSON.stringify(value) });
      const { primaryIfindex: _, peerIfindex: __, ...fields } = row;
      const { podId, foreignIfindexes = null } = device;
      return { id, podId, ...fields, foreignIfindexes, createdAt };
    });
  } catch (error) {
    throw asPodExists(error, pod);
  }
}

/** Reads a pod that is not removed, with its devices; null if there is none. */
export async function readStoredPod(prisma: PrismaClient, id: string): Promise<StoredPod | null> {
  const found = await prisma.pod.findFirst({
    where: { id, removedAt: null },
    include: { devices: { where: { removedAt: null }, orderBy: { id: 'asc' } } },
  });
  if (found === null) return null;
  const { devices, ...row } = found;
  return { pod: toPod(row), devices: devices.map(toDevice), settings: await readScope(prisma, id) };
}

export async function findPodOfDevice(prisma: PrismaClient, id: number): Promise<string | null> {
  return (await prisma.device.findUnique({ where: { id }, select: { podId: true } }))?.podId ?? null;
}

/**
 * Adds a pod with the number and id that it has in the kernel, or makes one that is known by them as it is there.
 * @throws ProblemError `pod_exists` if another pod of the store has its name or its number
 */
export async function adoptPodRecord(
  prisma: PrismaClient,
  { pod, devices, settings }: StoredPod,
): Promise<void> {
  const { number, id, createdAt } = pod;
  const carried = encodeCounters(pod.carried);
  const holder = await prisma.pod.findUnique({ where: { number } });
  if (holder !== null && holder.id !== id)
    throw new ProblemError(
      'pod_exists',
      `adopt ${pod.namespace}/${pod.name}: its number ${number} is that of ${holder.namespace}/${holder.name} in the database`,
      { hint: 'The database belongs to other pods: adopt with a --database that does not exist yet.' },
    );
  const row = { ...podRow(pod), number, createdAt, carried, removedAt: null };
  try {
    await prisma.$transaction([
      prisma.pod.upsert({ where: { id }, create: row, update: row }),
      prisma.device.updateMany({ where: { podId: id, removedAt: null }, data: { removedAt: new Date() } }),
      ...devices.map((device) =>
        prisma.device.create({ data: { podId: id, createdAt: device.createdAt, ...deviceRow(device) } }),
      ),
      prisma.setting.deleteMany({ where: { scope: id } }),
      prisma.setting.createMany({
        data: Object.entries(settings).map(([name, value]) => ({
          scope: id,
          name,
          value: JSON.stringify(value),
        })),
      }),
    ]);
  } catch (error) {
    throw asPodExists(error, pod);
  }
}

function asPodExists(error: unknown, pod: Pick<NewPodRecord, 'namespace' | 'name'>): unknown {
  const { code, message } = describeSqliteError(error);
  const exists = code === 'SQLITE_CONSTRAINT_UNIQUE' && message.includes('Pod.namespace');
  if (!exists) return error;
  return new ProblemError('pod_exists', `attach ${pod.namespace}/${pod.name}: a pod of this name exists`);
}

export async function savePodLabels(
  prisma: PrismaClient,
  id: string,
  labels: Record<string, string>,
): Promise<void> {
  await prisma.pod.updateMany({ where: { id }, data: { labels: JSON.stringify(labels) } });
}

export async function savePodNetwork(prisma: PrismaClient, id: string, network: PodNetwork): Promise<void> {
  await prisma.pod.updateMany({ where: { id }, data: { network: JSON.stringify(network) } });
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

/** Marks a pod and its devices as removed. @returns its number; null if there is no such pod */
export const markPodRemoved = (connection: DatabaseConnection, id: string): Promise<number | null> =>
  runTransaction(connection, async (transaction) => {
    const number = await findPodNumber(transaction, id);
    const time = formatTime(new Date());
    await transaction.executeRaw(
      statement('UPDATE "Device" SET "removedAt" = ? WHERE "podId" = ? AND "removedAt" IS NULL', [time, id]),
    );
    await transaction.executeRaw(
      statement('UPDATE "Pod" SET "removedAt" = ? WHERE "id" = ? AND "removedAt" IS NULL', [time, id]),
    );
    await transaction.executeRaw(statement('DELETE FROM "Setting" WHERE "scope" = ?', [id]));
    return number;
  });

/** Deletes a pod and what belongs to it. @returns its number; null if there is no such pod */
export const deletePodRecord = (connection: DatabaseConnection, id: string): Promise<number | null> =>
  runTransaction(connection, async (transaction) => {
    const number = await findPodNumber(transaction, id);
    await transaction.executeRaw(statement('DELETE FROM "Pod" WHERE "id" = ?', [id]));
    await transaction.executeRaw(statement('DELETE FROM "Setting" WHERE "scope" = ?', [id]));
    return number;
  });

async function findPodNumber(transaction: DatabaseTransaction, id: string): Promise<number | null> {
  const { rows } = await transaction.queryRaw(
    statement('SELECT "number" FROM "Pod" WHERE "id" = ? AND "removedAt" IS NULL', [id]),
  );
  return rows[0] === undefined ? null : Number(rows[0][0]);
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
