-- AlterTable
ALTER TABLE "Migration" ADD COLUMN "networkState" TEXT;
ALTER TABLE "Batch" ADD COLUMN "onLoss" TEXT NOT NULL DEFAULT 'refuse';
