import { zstdDecompressSync } from 'node:zlib';

const zstdMagic = 0xfd2fb528;

/**
 * The uncompressed kernel inside an x86 bzImage. Emulated, its own decompressor takes seconds.
 * Setup header (kernel: Documentation/arch/x86/boot.rst): setup_sects at 0x1f1, payload_offset at 0x248 from the end of the
 * setup sectors, payload_length at 0x24c; the last four bytes of the payload are the size of the result.
 * @throws when the payload is not zstd, which Debian's is
 */
export function extractVmlinux(bzImage: Buffer): Buffer {
  const setupSectors = bzImage.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + bzImage.readUInt32LE(0x248);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c) - 4);
  if (payload.readUInt32LE(0) !== zstdMagic) throw new Error('the kernel image is not compressed with zstd');
  return zstdDecompressSync(payload);
}
