import { expect, test } from 'vitest';
import { listMountedNamespaces } from '../../../server/kernel/namespace-search.ts';

test('mounted network namespaces are found by inode, with blanks in their paths', () => {
  const mountinfo = [
    '24 30 0:22 / /proc rw,nosuid - proc proc rw',
    '512 26 0:4 net:[4026532283] /run/netns/cart rw shared:247 - nsfs nsfs rw',
    '513 26 0:4 mnt:[4026532284] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw',
    '514 26 0:4 net:[4026532285] /run/netns/a\\040b rw - nsfs nsfs rw',
  ].join('\n');
  expect(listMountedNamespaces(mountinfo)).toEqual([
    { inode: '4026532283', path: '/run/netns/cart' },
    { inode: '4026532285', path: '/run/netns/a b' },
  ]);
});
