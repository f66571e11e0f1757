import { expect, test } from 'vitest';
import { fakeAgent, podlane } from './podlane-process.ts';

const path = '/pods/shop.cart';
const translators = [
  { interface: 'pl3', hook: 'tc/ingress', what: 'action', name: 'nat', redirected: 'bypassed' },
];
const responses = {
  [`GET ${path}/path`]: {
    body: { pod: '1', hops: [], redirect: false, redirectSetting: 'pod', translators, traffic: null },
  },
  [`PUT ${path}/settings`]: { body: { redirect: false } },
};

test('the redirect of a pod is shown with whose setting it is', async () => {
  const { socket, requests } = await fakeAgent(responses);
  const { code, stdout } = await podlane('redirect', 'shop.cart', '--socket', socket);
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /off[\s\S]*the pod’s own[\s\S]*action nat at tc\/ingress of pl3; redirected packets do not/,
    ),
  });
  const json = await podlane('redirect', 'shop.cart', '--json', '--socket', socket);
  expect(JSON.parse(json.stdout)).toEqual({ redirect: false, redirectSetting: 'pod', translators });
  expect(requests.map(({ line }) => line)).toEqual([`GET ${path}/path`, `GET ${path}/path`]);
  expect((await podlane('redirect', '--help')).stdout).toContain('--set MODE');
});

test.each([
  ['on', true],
  ['off', false],
  ['node', null],
])('--set %s is what the pod gets', async (mode, redirect) => {
  const { socket, requests } = await fakeAgent(responses);
  expect((await podlane('redirect', 'shop.cart', '--set', mode, '--socket', socket)).code).toBe(0);
  expect(requests[0]!.line).toBe(`PUT ${path}/settings`);
  expect(JSON.parse(requests[0]!.body)).toEqual({ redirect });
});

test('another mode is refused without a request', async () => {
  const { socket, requests } = await fakeAgent(responses);
  const wrong = await podlane('redirect', 'shop.cart', '--set', 'maybe', '--socket', socket);
  expect(wrong).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--set maybe: not on, off or node'),
  });
  expect(requests).toEqual([]);
});
