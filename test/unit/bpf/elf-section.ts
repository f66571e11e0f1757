/** A section of a 64-bit little-endian ELF file by its name, <elf.h>. @throws when there is none */
export function elfSection(file: Buffer, name: string): Buffer {
  const headers = Number(file.readBigUInt64LE(40));
  const size = file.readUInt16LE(58);
  const header = (index: number) => {
    const at = headers + index * size;
    const from = Number(file.readBigUInt64LE(at + 24));
    return {
      name: file.readUInt32LE(at),
      bytes: file.subarray(from, from + Number(file.readBigUInt64LE(at + 32))),
    };
  };
  const names = header(file.readUInt16LE(62)).bytes;
  for (let index = 0; index < file.readUInt16LE(60); index++) {
    const section = header(index);
    if (names.toString('latin1', section.name, names.indexOf(0, section.name)) === name) return section.bytes;
  }
  throw new Error(`no section ${name}`);
}
