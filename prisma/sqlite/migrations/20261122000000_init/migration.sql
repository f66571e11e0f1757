-- CreateTable
CREATE TABLE "Node" (
    "name" TEXT NOT NULL PRIMARY KEY,
    "bootId" TEXT NOT NULL,
    "firstSeen" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastSeen" DATETIME NOT NULL
);

-- CreateTable
CREATE TABLE "Pod" (
    "number" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "id" TEXT NOT NULL,
    "namespace" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "labels" TEXT NOT NULL,
    "netnsPath" TEXT NOT NULL,
    "netnsInode" BIGINT NOT NULL,
    "address" TEXT NOT NULL,
    "interface" TEXT NOT NULL,
    "mtu" INTEGER NOT NULL,
    "carried" TEXT NOT NULL,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "removedAt" DATETIME
);

-- CreateTable
CREATE TABLE "Device" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "podId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "slot" INTEGER NOT NULL,
    "primaryName" TEXT NOT NULL,
    "primaryMac" TEXT,
    "peerMac" TEXT,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "removedAt" DATETIME,
    CONSTRAINT "Device_podId_fkey" FOREIGN KEY ("podId") REFERENCES "Pod" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Migration" (
    "number" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "id" TEXT NOT NULL,
    "podId" TEXT NOT NULL,
    "podNamespace" TEXT NOT NULL,
    "podName" TEXT NOT NULL,
    "direction" TEXT NOT NULL,
    "from" TEXT NOT NULL,
    "to" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "steps" TEXT NOT NULL,
    "result" TEXT,
    "error" TEXT,
    "startedAt" DATETIME NOT NULL,
    "endedAt" DATETIME,
    "durationMs" REAL,
    CONSTRAINT "Migration_podId_fkey" FOREIGN KEY ("podId") REFERENCES "Pod" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Event" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "time" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "type" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "podId" TEXT,
    "migrationId" TEXT,
    "message" TEXT NOT NULL
);

-- CreateIndex
CREATE UNIQUE INDEX "Pod_id_key" ON "Pod"("id");

-- CreateIndex
CREATE INDEX "Pod_removedAt_idx" ON "Pod"("removedAt");

-- CreateIndex
CREATE UNIQUE INDEX "Pod_name_key" ON "Pod"("namespace", "name") WHERE "removedAt" IS NULL;

-- CreateIndex
CREATE UNIQUE INDEX "Pod_address_key" ON "Pod"("address") WHERE "removedAt" IS NULL;

-- CreateIndex
CREATE INDEX "Device_podId_id_idx" ON "Device"("podId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "Device_slot_key" ON "Device"("slot") WHERE "removedAt" IS NULL;

-- CreateIndex
CREATE UNIQUE INDEX "Migration_id_key" ON "Migration"("id");

-- CreateIndex
CREATE INDEX "Migration_podId_number_idx" ON "Migration"("podId", "number");

-- CreateIndex
CREATE INDEX "Migration_state_idx" ON "Migration"("state");

-- CreateIndex
CREATE INDEX "Event_podId_id_idx" ON "Event"("podId", "id");
