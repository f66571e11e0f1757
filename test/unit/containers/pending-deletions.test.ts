import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { containerKey, PendingDeletions } from '../../../server/datapath/containers/pending-deletions.ts';
import { temporaryFolder } from '../store/temporary-store.ts';

test('what was left is read back as a DEL; what is none is removed, and temporary files are no deletions', () => {
  const folder = join(temporaryFolder(), 'cni.pending');
  const pending = new PendingDeletions(folder, pino({ level: 'silent' }));
  expect([pending.size, pending.list()]).toEqual([0, []]);
  pending.add(containerKey('net', 'c', 'eth0'), {
    environment: { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c' },
    config: '{"name":"net"}',
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'net+broken+eth0'), 'CNI_COMMAND=DEL');
  writeFileSync(join(folder, '.17-net+half+eth0'), 'CNI_COM');
  expect(pending.list()).toEqual([
    {
      name: 'net+c+eth0',
      call: {
        environment: { CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'c' },
        config: '{"name":"net"}',
        request: null,
      },
    },
  ]);
  pending.remove('net+c+eth0');
  pending.remove('net+c+eth0');
  expect(pending.size).toBe(0);
  expect(readdirSync(folder)).toEqual(['.17-net+half+eth0']);
});
