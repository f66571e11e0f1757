import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  listOpenDescriptors,
  recordOpenedDescriptor,
  startTrackingDescriptors,
} from '../../../server/ffi/descriptor-tracking.ts';

startTrackingDescriptors();

const openNull = (): number => recordOpenedDescriptor(openSync('/dev/null', 'r'), 'the null device');
const numbers = () => listOpenDescriptors().map(({ fd }) => fd);

test('an open descriptor is listed with the object and the stack that opened it', () => {
  const fd = openNull();
  const [listed] = listOpenDescriptors().filter((each) => each.fd === fd);
  expect(listed?.opened).toBe('the null device');
  expect(listed?.stack).toContain('openNull');
  closeSync(fd);
});

test('a closed one is not listed, nor is one whose number was used again for something else', () => {
  const fd = openNull();
  closeSync(fd);
  expect(numbers()).not.toContain(fd);
  const again = openNull();
  closeSync(again);
  const other = openSync('/dev/zero', 'r');
  expect(other).toBe(again);
  expect(numbers()).not.toContain(other);
  closeSync(other);
});

test('the number of a failed call is not recorded', () => {
  expect(recordOpenedDescriptor(-1, 'nothing')).toBe(-1);
  expect(numbers()).not.toContain(-1);
});
