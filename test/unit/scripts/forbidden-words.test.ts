import { expect, test } from 'vitest';
import { findForbiddenWords } from '../../../scripts/check/forbidden-words.ts';

test.each([
  ['server/datapath/books.ts', '', 'server/datapath/books.ts', 'store, record'],
  ['server/acl/rules.ts', 'const first = rows[0];', 'const first = rows[0];', 'entry'],
  ['app/pods/page.tsx', '// takes the short way', '// takes the short way', 'redirect'],
  ['contract/rules.ts', 'wouldBeJudged: 1', 'wouldBeJudged: 1', 'evaluate, verdict'],
])('%s: a private word is reported with its line and the word of the field', (file, _text, line, say) => {
  expect(findForbiddenWords(file, `\n${line}`)).toEqual([
    expect.stringMatching(new RegExp(`^${file}:2 .*say ${say}$`)),
  ]);
});

test('ordinary meanings and other folders are left alone', () => {
  expect(findForbiddenWords('app/_components/table.tsx', 'rows.map((row) => row.left)')).toEqual([]);
  expect(
    findForbiddenWords('server/netlink/socket.ts', 'the gateway answers; turn it on; both ways'),
  ).toEqual([]);
  expect(findForbiddenWords('docs/rules.md', 'A rule is evaluated against the ipcache.')).toEqual([]);
});
