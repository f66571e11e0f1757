import { expect, test } from 'vitest';
import { readReceiveBacklogs } from '../../../server/kernel/receive-backlog.ts';

const line = (backlog: string, more = ''): string =>
  `0000272d 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 ${backlog} 00000000${more}`;

test('the receive backlog of each processor is read, in hexadecimal', () => {
  expect(readReceiveBacklogs(`${line('00000000')}\n${line('0000001f')}\n`)).toEqual([0, 31]);
  expect(readReceiveBacklogs(`${line('00000002', ' 00000001 00000001')}\n`)).toEqual([2]);
});

test('a kernel that does not report backlogs has none', () => {
  const old = `${line('').split(' ').slice(0, 11).join(' ')}\n`;
  expect(readReceiveBacklogs(old)).toEqual([]);
  expect(readReceiveBacklogs('')).toEqual([]);
});
