/** Types in the order of their ids, with the offsets of their names in `strings`. */
export function btf(types: (strings: (name: string) => number) => number[][]): Buffer {
  let strings = '\0';
  const name = (text: string): number => {
    strings += `${text}\0`;
    return strings.length - text.length - 1;
  };
  const words = types(name).flat();
  const bytes = Buffer.alloc(24 + words.length * 4 + strings.length);
  bytes.writeUInt16LE(0xeb9f, 0);
  bytes.writeUInt8(1, 2);
  bytes.writeUInt32LE(24, 4);
  bytes.writeUInt32LE(words.length * 4, 12);
  bytes.writeUInt32LE(words.length * 4, 16);
  bytes.writeUInt32LE(strings.length, 20);
  words.forEach((word, index) => {
    bytes.writeUInt32LE(word >>> 0, 24 + index * 4);
  });
  bytes.write(strings, 24 + words.length * 4, 'latin1');
  return bytes;
}

const kind = (number: number, count = 0) => (number << 24) | count;

/** BTF of eight types, with the enum and the tracepoint of drop reasons. */
export const btfSample = btf((name) => [
  [name('int'), kind(1), 4, 32], // 1
  [0, kind(2), 0], // 2: void *
  [name('skb_drop_reason'), kind(6, 2), 4, name('NOT_DROPPED'), 0, name('NO_SOCKET'), -3], // 3
  [0, kind(13, 3), 0, 0, 2, 0, 2, 0, 3], // 4: void (void *, void *, enum)
  [0, kind(2), 4], // 5
  [name('btf_trace_kfree_skb'), kind(8), 5], // 6
  [name('pair'), kind(4, 2), 8, 0, 1, 0, 0, 1, 32], // 7
  [name('last'), kind(8), 1], // 8
]);
