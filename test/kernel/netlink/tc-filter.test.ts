import { execFileSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadMinimalProgram, minimalProgramTypes } from '../../../server/kernel/capability-probe-programs.ts';
import { addClsactQdisc, deleteClsactQdisc, findFilterQdiscKind } from '../../../server/netlink/clsact.ts';
import {
  addTcBpfFilter,
  deleteTcBpfFilter,
  listTcBpfFilters,
  listTcFilters,
  replaceTcBpfFilter,
  type TcHook,
} from '../../../server/netlink/tc-filter.ts';
import { addVeth } from '../../../server/netlink/veth.ts';
import { type TestNamespace, testNamespace } from './namespaces.ts';

const ifindex = 1_048_576;

async function device(): Promise<TestNamespace> {
  const host = testNamespace();
  await addVeth(host.socket, { primary: { name: 'pl0', ifindex, up: true }, peer: { name: 'eth0' } });
  return host;
}
const tc = ({ name }: TestNamespace, ...args: string[]): string =>
  execFileSync('tc', ['-n', name, ...args], { encoding: 'utf8' });
// biome-ignore lint/suspicious/noExplicitAny: whatever iproute2 prints
const shown = (host: TestNamespace, hook: string): any[] =>
  JSON.parse(tc(host, '-json', 'filter', 'show', 'dev', 'pl0', hook)).filter(
    (each: { options?: object }) => each.options,
  );

/** Programs that answer TC_ACT_UNSPEC, closed when the block ends. */
async function programs(count: number): Promise<Disposable & { fds: number[] }> {
  const fds = await Promise.all(
    Array.from({ length: count }, () =>
      loadMinimalProgram('load a tc program', minimalProgramTypes.schedulerClassifier, { result: -1 }),
    ),
  );
  return { fds, [Symbol.dispose]: () => fds.forEach((fd) => void closeSync(fd)) };
}

test('the clsact qdisc comes, is seen and goes', async () => {
  using host = await device();
  expect(await findFilterQdiscKind(host.socket, ifindex)).toBeNull();
  await addClsactQdisc(host.socket, ifindex);
  expect(await findFilterQdiscKind(host.socket, ifindex)).toBe('clsact');
  await expect(addClsactQdisc(host.socket, ifindex)).rejects.toMatchObject({ code: 'EEXIST' });
  await deleteClsactQdisc(host.socket, ifindex);
  expect(await findFilterQdiscKind(host.socket, ifindex)).toBeNull();
  tc(host, 'qdisc', 'add', 'dev', 'pl0', 'ingress');
  expect(await findFilterQdiscKind(host.socket, ifindex)).toBe('ingress');
  await expect(findFilterQdiscKind(host.socket, 4711)).rejects.toMatchObject({ code: 'ENODEV' });
});

test.each<[TcHook, string]>([
  ['tc/ingress', 'ingress'],
  ['tc/egress', 'egress'],
])(
  'filters of %s are what `tc` says they are; one is swapped and taken, the others stay',
  async (hook, word) => {
    using host = await device();
    using loaded = await programs(2);
    const [first, second] = loaded.fds as [number, number];
    expect(await listTcFilters(host.socket, ifindex, hook)).toEqual([]);
    await addClsactQdisc(host.socket, ifindex);
    expect(await listTcFilters(host.socket, ifindex, hook)).toEqual([]);
    tc(host, ...`filter add dev pl0 ${word} pref 5 u32 match u32 0 0`.split(' '));
    tc(host, ...`filter add dev pl0 ${word} pref 20 protocol ip bpf bytecode`.split(' '), '1,6 0 0 0');
    const place = { priority: 10, handle: 1 };
    await addTcBpfFilter(host.socket, ifindex, hook, { ...place, program: first, name: 'podlane' });

    const theirs = (await listTcFilters(host.socket, ifindex, hook)).filter(
      ({ priority }) => priority !== 10,
    );
    expect(theirs).toMatchObject([
      { kind: 'u32', priority: 5, handle: 0x8000_0000, chain: 0, programId: null },
      { kind: 'u32', priority: 5, handle: 0x8000_0800, chain: 0, programId: null },
      { kind: 'bpf', priority: 20, handle: 1, protocol: 0x0800, programId: null, directAction: false },
    ]);
    expect((await listTcFilters(host.socket, ifindex, hook)).map(({ priority }) => priority)).toEqual([
      5, 5, 10, 20,
    ]);
    const ours = async () =>
      (await listTcBpfFilters(host.socket, ifindex, hook)).filter(({ priority }) => priority === 10);
    const [before] = await ours();
    const [byTc] = shown(host, word).filter(({ pref }) => pref === 10);
    expect(before).toEqual({
      kind: byTc.kind,
      ...place,
      chain: byTc.chain,
      protocol: 3,
      programId: byTc.options.prog.id,
      name: byTc.options.bpf_name,
      tag: byTc.options.prog.tag,
      directAction: byTc.options['direct-action'],
    });

    const again = { ...place, program: second, name: 'podlane' };
    await expect(addTcBpfFilter(host.socket, ifindex, hook, again)).rejects.toMatchObject({ code: 'EEXIST' });
    await replaceTcBpfFilter(host.socket, ifindex, hook, again);
    const after = await ours();
    expect(after).toEqual([{ ...before, programId: expect.any(Number) }]);
    expect(after[0]!.programId).not.toBe(before!.programId);

    await expect(
      replaceTcBpfFilter(host.socket, ifindex, hook, { ...again, priority: 5 }),
    ).rejects.toMatchObject({ code: 'EINVAL' });
    await deleteTcBpfFilter(host.socket, ifindex, hook, place);
    await expect(deleteTcBpfFilter(host.socket, ifindex, hook, place)).rejects.toMatchObject({
      code: 'ENOENT',
    });
    await expect(deleteTcBpfFilter(host.socket, ifindex, hook, { ...place, handle: 0 })).rejects.toThrow(
      RangeError,
    );
    expect(await listTcFilters(host.socket, ifindex, hook)).toEqual(theirs);
  },
);

test('several programs at one priority have handles of their own, and the newest runs first', async () => {
  using host = await device();
  using loaded = await programs(2);
  await addClsactQdisc(host.socket, ifindex);
  for (const [index, program] of loaded.fds.entries())
    await addTcBpfFilter(host.socket, ifindex, 'tc/ingress', { program, name: `p${index}`, priority: 3 });
  const found = await listTcBpfFilters(host.socket, ifindex, 'tc/ingress');
  expect(found.map(({ priority, name }) => [priority, name])).toEqual([
    [3, 'p1'],
    [3, 'p0'],
  ]);
  expect(new Set(found.map(({ handle }) => handle)).size).toBe(2);
});
