import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { podNetworkSchema } from '../../../contract/pod-network.ts';
import { openTemporaryStore, temporaryFolder } from './temporary-store.ts';

const first = '20261122000000_init';

test('a database of the first schema keeps its pods and devices', async () => {
  const file = join(temporaryFolder(), 'podlane.db');
  const sql = readFileSync(
    join(import.meta.dirname, '../../../prisma/sqlite/migrations', first, 'migration.sql'),
    'utf8',
  );
  const old = new Database(file);
  old.exec(`${sql};
    CREATE TABLE "_prisma_migrations" ("id" VARCHAR(36) PRIMARY KEY NOT NULL, "checksum" VARCHAR(64) NOT NULL,
      "finished_at" DATETIME, "migration_name" VARCHAR(255) NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME,
      "started_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "applied_steps_count" INTEGER NOT NULL DEFAULT 0);
    INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, applied_steps_count)
      VALUES ('1', '${createHash('sha256').update(sql).digest('hex')}', CURRENT_TIMESTAMP, '${first}', 1);
    INSERT INTO "Pod" (id, namespace, name, labels, netnsPath, netnsInode, address, interface, mtu, carried)
      VALUES ('id-cart', 'shop', 'cart', '{"app":"cart"}', '/run/netns/cart', 4026532000, '10.42.0.4/32', 'net1', 1400, '["7"]');
    INSERT INTO "Device" (podId, kind, slot, primaryName) VALUES ('id-cart', 'netkit', 3, 'pl3');
    INSERT INTO "Device" (podId, kind, slot, primaryName) VALUES ('id-cart', 'veth', 4, 'pl4');`);
  old.close();

  const { store } = await openTemporaryStore(file);
  expect(await store.pods()).toMatchObject([
    {
      id: 'id-cart',
      number: 1,
      carried: [7n],
      network: podNetworkSchema.parse({ addresses: ['10.42.0.4/32'], interface: 'net1', mtu: 1400 }),
    },
  ]);
  expect((await store.devices()).map(({ kind, hooks, slot }) => [kind, hooks, slot])).toEqual([
    ['netkit', 'netkit', 3],
    ['veth', 'tcx', 4],
  ]);
});
