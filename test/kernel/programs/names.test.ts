import { expect, test } from 'vitest';
import {
  attachTypeName,
  linkTypeName,
  mapTypeName,
  programTypeName,
} from '../../../server/bpf/bpf-type-names.ts';
import { readVmlinuxBtf } from '../../../server/bpf/btf.ts';

test('type names agree with those of the running kernel', async () => {
  const btf = await readVmlinuxBtf();
  for (const [enumeration, prefix, nameOf] of [
    ['bpf_prog_type', 'BPF_PROG_TYPE_', programTypeName],
    ['bpf_map_type', 'BPF_MAP_TYPE_', mapTypeName],
    ['bpf_attach_type', 'BPF_', attachTypeName],
    ['bpf_link_type', 'BPF_LINK_TYPE_', linkTypeName],
  ] as const)
    for (const [number, name] of btf.enumNames(enumeration)!)
      if (!name.startsWith('__'))
        // A younger kernel has more; two numbers have an older name too.
        expect([
          name
            .replace(prefix, '')
            .replace(/_DEPRECATED$/, '')
            .toLowerCase(),
          `type ${number}`,
        ]).toContain(nameOf(number));
});
