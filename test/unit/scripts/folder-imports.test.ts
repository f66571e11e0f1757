import { describe, expect, test } from 'vitest';
import { explainForbiddenImport, parseImports } from '../../../scripts/check/folder-imports.ts';

test('every way to import is found, over several lines too', () => {
  const source = `import a from './a.ts';
import type {
  B,
} from '../b.ts';
import './c.css';
export { d } from "./d.ts";
const e = await import('./e.ts');
const text = 'not an import from anything';
`;
  expect(parseImports(source).sort()).toEqual(['../b.ts', './a.ts', './c.css', './d.ts', './e.ts']);
});

describe('the table of folders', () => {
  test.each([
    ['app/pods/page.tsx', '../../contract/pod.ts'],
    ['app/pods/page.tsx', '@/app/_lib/format'],
    ['server/main.ts', './http/server.ts'],
    ['server/http/routes/pods.ts', '../datapath/datapath.ts'],
    ['server/netlink/link.ts', '../ffi/libc.ts'],
    ['server/netlink/link.ts', './message.ts'],
    ['server/netlink/link.ts', 'node:fs'],
    ['server/store/sqlite-store.ts', '@prisma/client'],
    ['server/datapath/datapath-context.ts', '../store/store-interfaces.ts'],
    ['gateway/dashboard.ts', 'next'],
    ['scripts/generate-sql.ts', '@prisma/adapter-better-sqlite3'],
    ['test/kernel/link.test.ts', '../../server/netlink/link.ts'],
  ])('%s may import %s', (file, name) => {
    expect(explainForbiddenImport(file, name)).toBeUndefined();
  });

  test.each([
    ['app/pods/page.tsx', '../../server/netlink/link.ts'],
    ['app/pods/page.tsx', '@/server/main.ts'],
    ['contract/pod.ts', '../server/main.ts'],
    ['server/ffi/libc.ts', '../netlink/socket.ts'],
    ['server/netlink/link.ts', '../bpf/links.ts'],
    ['server/datapath/datapath.ts', '../http/server.ts'],
    ['server/datapath/datapath.ts', '../store/sqlite-store.ts'],
    ['server/datapath/datapath.ts', '../../scripts/vm/guest.ts'],
    ['server/http/routes/pods.ts', '../../netlink/link.ts'],
    ['server/http/routes/pods.ts', '@prisma/client'],
    ['gateway/server.ts', 'better-sqlite3'],
    ['gateway/server.ts', 'koffi'],
    ['gateway/server.ts', '../server/config.ts'],
    ['server/http/routes/pods.ts', 'next/server'],
  ])('%s may not import %s, and the message says so', (file, name) => {
    expect(explainForbiddenImport(file, name)).toContain(`${file} imports ${name}`);
  });
});
