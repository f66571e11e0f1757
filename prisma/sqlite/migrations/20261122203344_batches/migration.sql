-- CreateTable
CREATE TABLE "Batch" (
    "number" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "id" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "to" TEXT NOT NULL,
    "recreate" BOOLEAN NOT NULL,
    "parallelism" INTEGER NOT NULL,
    "onUnhealthy" TEXT NOT NULL,
    "settleMs" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT,
    "startedAt" DATETIME NOT NULL,
    "endedAt" DATETIME
);

-- CreateTable
CREATE TABLE "BatchPod" (
    "batchId" TEXT NOT NULL,
    "place" INTEGER NOT NULL,
    "podId" TEXT NOT NULL,
    "namespace" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "from" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "moved" BOOLEAN NOT NULL,
    "code" TEXT,
    "reason" TEXT,
    "migrationId" TEXT,
    "startedAt" DATETIME,
    "endedAt" DATETIME,

    PRIMARY KEY ("batchId", "place"),
    CONSTRAINT "BatchPod_batchId_fkey" FOREIGN KEY ("batchId") REFERENCES "Batch" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE UNIQUE INDEX "Batch_id_key" ON "Batch"("id");

-- CreateIndex
CREATE INDEX "Batch_state_idx" ON "Batch"("state");

-- CreateIndex
CREATE UNIQUE INDEX "BatchPod_batchId_podId_key" ON "BatchPod"("batchId", "podId");
