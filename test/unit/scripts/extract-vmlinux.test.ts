import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { extractVmlinux } from '../../../scripts/vm/extract-vmlinux.ts';

/** A bzImage of two setup sectors with a payload 64 bytes into the protected-mode part. */
function bzImage(payload: Buffer): Buffer {
  const image = Buffer.alloc(3 * 512 + 64 + payload.length + 4);
  image.writeUInt8(2, 0x1f1);
  image.writeUInt32LE(64, 0x248);
  image.writeUInt32LE(payload.length + 4, 0x24c);
  payload.copy(image, 3 * 512 + 64);
  return image;
}

test('the kernel comes out of its compressed image', () => {
  const kernel = Buffer.from('ELF and more '.repeat(1000));
  expect(extractVmlinux(bzImage(zstdCompressSync(kernel))).equals(kernel)).toBe(true);
});

test('another compression is refused', () => {
  expect(() => extractVmlinux(bzImage(Buffer.from('not zstd')))).toThrow('not compressed with zstd');
});
