-- AlterTable
ALTER TABLE "Device" ADD COLUMN "peerIfindex" INTEGER;
ALTER TABLE "Device" ADD COLUMN "primaryIfindex" INTEGER;

-- AlterTable
ALTER TABLE "Pod" ADD COLUMN "adoption" TEXT;
