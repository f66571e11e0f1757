import { expect, test } from 'vitest';
import { addPodCommand } from '../../../app/pods/_list/text.ts';
import { newPodSchema } from '../../../contract/pod.ts';

test('the command that the empty list of pods shows sends what the API accepts', () => {
  const body = /-d '(.*)'$/.exec(addPodCommand)?.[1] ?? '';
  expect(newPodSchema.parse(JSON.parse(body))).toMatchObject({ name: 'web', addresses: ['10.42.0.10/32'] });
});
