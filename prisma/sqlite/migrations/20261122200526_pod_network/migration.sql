-- CreateTable
CREATE TABLE "Setting" (
    "scope" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    PRIMARY KEY ("scope", "name")
);

-- RedefineTables
PRAGMA defer_foreign_keys=ON;
PRAGMA foreign_keys=OFF;
CREATE TABLE "new_Device" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "podId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "hooks" TEXT NOT NULL,
    "slot" INTEGER NOT NULL,
    "primaryName" TEXT NOT NULL,
    "primaryMac" TEXT,
    "peerMac" TEXT,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "removedAt" DATETIME,
    CONSTRAINT "Device_podId_fkey" FOREIGN KEY ("podId") REFERENCES "Pod" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO "new_Device" ("createdAt", "hooks", "id", "kind", "peerMac", "podId", "primaryMac", "primaryName", "removedAt", "slot") SELECT "createdAt", CASE "kind" WHEN 'netkit' THEN 'netkit' ELSE 'tcx' END, "id", "kind", "peerMac", "podId", "primaryMac", "primaryName", "removedAt", "slot" FROM "Device";
DROP TABLE "Device";
ALTER TABLE "new_Device" RENAME TO "Device";
CREATE INDEX "Device_podId_id_idx" ON "Device"("podId", "id");
CREATE UNIQUE INDEX "Device_slot_key" ON "Device"("slot") WHERE "removedAt" IS NULL;
CREATE TABLE "new_Pod" (
    "number" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "id" TEXT NOT NULL,
    "namespace" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "labels" TEXT NOT NULL,
    "netnsPath" TEXT NOT NULL,
    "netnsInode" BIGINT NOT NULL,
    "network" TEXT NOT NULL,
    "carried" TEXT NOT NULL,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "removedAt" DATETIME
);
INSERT INTO "new_Pod" ("carried", "createdAt", "id", "labels", "name", "namespace", "netnsInode", "netnsPath", "network", "number", "removedAt") SELECT "carried", "createdAt", "id", "labels", "name", "namespace", "netnsInode", "netnsPath", json_object('addresses', json_array("address"), 'routes', json('[]'), 'interface', "interface", 'mtu', "mtu", 'netkit', json('{"mode":"l3","policy":{"primary":"forward","peer":"blackhole"},"scrub":{"primary":"default","peer":"default"}}')), "number", "removedAt" FROM "Pod";
DROP TABLE "Pod";
ALTER TABLE "new_Pod" RENAME TO "Pod";
CREATE UNIQUE INDEX "Pod_id_key" ON "Pod"("id");
CREATE INDEX "Pod_removedAt_idx" ON "Pod"("removedAt");
CREATE UNIQUE INDEX "Pod_name_key" ON "Pod"("namespace", "name") WHERE "removedAt" IS NULL;
PRAGMA foreign_keys=ON;
PRAGMA defer_foreign_keys=OFF;
