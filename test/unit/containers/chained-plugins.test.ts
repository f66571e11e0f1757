import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listChainedPlugins } from '../../../server/datapath/containers/chained-plugins.ts';
import { temporaryFolder } from '../store/temporary-store.ts';

test('the plugins of a network are those of its configuration, read again when it changes', () => {
  const folder = join(temporaryFolder(), 'net.d');
  const list = (network: string) => listChainedPlugins(network, folder);
  expect(list('a')).toEqual([]);
  mkdirSync(folder);
  const file = join(folder, '10-a.conflist');
  writeFileSync(file, JSON.stringify({ name: 'a', plugins: [{ type: 'podlane' }, { type: 'bandwidth' }] }));
  writeFileSync(join(folder, '20-b.conf'), JSON.stringify({ name: 'b', type: 'ptp' }));
  writeFileSync(join(folder, '30-broken.conflist'), '{');
  writeFileSync(join(folder, 'a.conflist.before-podlane'), JSON.stringify({ name: 'a', plugins: [{ type: 'x' }] }));
  expect(list('a')).toEqual(['podlane', 'bandwidth']);
  expect(list('b')).toEqual(['ptp']);
  expect(list('c')).toEqual([]);
  writeFileSync(file, JSON.stringify({ name: 'a', plugins: [{ type: 'podlane' }] }));
  utimesSync(file, 1, 1);
  expect(list('a')).toEqual(['podlane']);
});
