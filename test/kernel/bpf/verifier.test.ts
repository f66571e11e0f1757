import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { machine, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProblemError } from '../../../contract/problem.ts';
import { loadBpfObject } from '../../../server/bpf/object-loader.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'podlane-verifier-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function compile(body: string): Buffer {
  const source = join(directory, 'case.bpf.c');
  writeFileSync(
    source,
    `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("tc") int harmless(struct __sk_buff *skb) { return 0; }
SEC("tc") int tested(struct __sk_buff *skb) { ${body} }
char LICENSE[] SEC("license") = "GPL";`,
  );
  const object = join(directory, 'case.bpf.o');
  const include = `/usr/include/${machine()}-linux-gnu`;
  execFileSync('clang', ['-target', 'bpf', '-O2', '-g', '-idirafter', include, '-c', source, '-o', object]);
  return readFileSync(object);
}

test('the error of a rejected program names it and starts with the verifier’s reason', async () => {
  // Packet data read without comparing it with data_end.
  const image = compile('return *(char *)(long)skb->data;');
  const error = await loadBpfObject({ name: 'case', image }).catch((error: unknown) => error);
  if (!(error instanceof ProblemError)) throw new Error('not refused');
  expect(error.code).toBe('verifier_refused');
  expect(error.message).toMatch(
    /^load case: the verifier refused tested \(EACCES\): invalid access to packet.*R1 offset is outside of the packet, at instruction 1 \(r0 = /,
  );
  expect(error.hint).toContain('data_end');
  expect(error.verifier).toMatchObject({
    program: 'tested',
    instruction: { number: 1 },
    source: { text: expect.stringContaining('skb->data') },
    registers: expect.arrayContaining([expect.stringMatching(/^R1(_w)?=pkt/)]),
    before: [expect.stringMatching(/^0: r1 = /)],
  });
  expect(error.cause).toHaveProperty('message', expect.stringContaining('processed'));
});

test('a file that is not an object is rejected', async () => {
  await expect(loadBpfObject({ name: 'case', image: Buffer.from('not an ELF file') })).rejects.toMatchObject({
    code: 'bad_object',
    message: expect.stringMatching(/^open case as a BPF object: /),
  });
});

test('a valid object is loaded, and closing it closes its descriptors', async () => {
  const object = await loadBpfObject({ name: 'case', image: compile('return -1;') });
  expect([...object.programs.keys()]).toEqual(['harmless', 'tested']);
  object.close();
});
