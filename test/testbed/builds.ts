import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const committedObject = new URL('../../bpf/objects/datapath.bpf.o', import.meta.url);

/** Two programs of a user: `count_ports` of section tc, `drop_port` of netkit/peer. */
export const exampleObject = new URL('../../docs/examples/ports.bpf.o', import.meta.url);

/** The same programs in an object of other bytes: what follows the ELF's content is not read. */
export const anotherBuild = (mark = 'another build'): Buffer =>
  Buffer.concat([readFileSync(committedObject), Buffer.from(mark)]);

/** An object with one name in it changed, everywhere. */
export function renamedObject(from: string, to: string, object: URL = committedObject): Buffer {
  if (from.length !== to.length) throw new RangeError('names of one length');
  const text = readFileSync(object).toString('latin1');
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}

/** An object with the first instruction of a section of programs reading a register that holds nothing. */
export function objectRefusedByVerifier(object: URL = committedObject, section = 'tc'): Buffer {
  const image = readFileSync(object);
  // Elf64_Ehdr: e_shoff 40, e_shentsize 58, e_shnum 60, e_shstrndx 62. Elf64_Shdr: sh_name 0, sh_offset 24.
  const sections = Array.from(
    { length: image.readUInt16LE(60) },
    (_, i) => Number(image.readBigUInt64LE(40)) + i * image.readUInt16LE(58),
  );
  const offsetOf = (header: number): number => Number(image.readBigUInt64LE(header + 24));
  const names = offsetOf(sections[image.readUInt16LE(62)]!);
  const nameOf = (header: number): string => {
    const start = names + image.readUInt32LE(header);
    return image.toString('latin1', start, image.indexOf(0, start));
  };
  const code = sections.find((header) => nameOf(header) === section)!;
  image.set([0xbf, 0x90, 0, 0, 0, 0, 0, 0], offsetOf(code)); // r0 = r9
  return image;
}

/** A key pair, the public half in a folder that `--trust` takes. */
export class SigningKey {
  readonly #key: KeyObject;

  constructor(folder: string, name = 'release') {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.#key = privateKey;
    writeFileSync(join(folder, `${name}.pem`), publicKey.export({ type: 'spki', format: 'pem' }));
  }

  sign(image: Buffer): Buffer {
    return sign(null, createHash('sha256').update(image).digest(), this.#key);
  }

  /** The body of POST /builds. */
  body(image: Buffer): { object: string; signature: string } {
    return { object: image.toString('base64'), signature: this.sign(image).toString('base64') };
  }
}
