import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DeviceKind } from '../../../contract/device.ts';
import type { LinkHook } from '../../../server/bpf/hook.ts';
import { Agent } from './agent.ts';
import { DeviceFixture } from './device-fixture.ts';

const slot = 4;

/** Programs of others beside ours on the hooks of a device of `kind`. */
export function describeOrder(kind: DeviceKind, hook: LinkHook, other: LinkHook): void {
  describe(`beside foreign programs at ${hook}`, () => {
    let fixture: DeviceFixture;
    let agent: Agent;
    let foreign: [number, number];

    beforeAll(async () => {
      fixture = new DeviceFixture();
      fixture.addDevice(kind, slot);
      agent = new Agent(fixture);
      await agent.open();
      foreign = [await agent.loadForeign('one'), await agent.loadForeign('two')];
    });
    afterAll(async () => {
      await agent?.kill();
      fixture?.[Symbol.dispose]();
    });
    afterEach(async () => {
      await agent.detach(slot);
      for (const at of [hook, other])
        for (const { id, ours } of await agent.query(slot, at))
          if (!ours) await agent.detachForeign(id, at, slot);
    });

    /** Program ids in the order of execution, ours as `ours`. */
    async function order(at = hook): Promise<(number | 'ours')[]> {
      return (await agent.query(slot, at)).map(({ id, ours }) => (ours ? 'ours' : id));
    }

    test('our program goes where the order says, by default last', async () => {
      const [one, two] = foreign;
      await agent.attachForeign(one, hook, slot);
      await agent.attachForeign(two, hook, slot, 'tail');
      await agent.attach(hook, slot);
      expect(await order()).toEqual([one, two, 'ours']);
      await agent.detach(slot, [hook]);
      await agent.attach(hook, slot, 'head');
      expect(await order()).toEqual(['ours', one, two]);
      await agent.detach(slot);
      await agent.attach(hook, slot, { before: { programId: two } });
      expect(await order()).toEqual([one, 'ours', two]);
      await agent.detach(slot);
      await agent.attach(hook, slot, { after: { programId: one } });
      expect(await order()).toEqual([one, 'ours', two]);
    });

    test('attaching again with any order keeps all places', async () => {
      const [one, two] = foreign;
      await agent.attach(hook, slot);
      await agent.attachForeign(one, hook, slot, 'head');
      await agent.attachForeign(two, hook, slot, 'tail');
      const before = await agent.query(slot, hook);
      await agent.attach(hook, slot);
      await agent.attach(hook, slot, 'tail');
      expect(await agent.query(slot, hook)).toEqual(before);
    });

    test('foreign programs are placed by id, before or after our link', async () => {
      const [one, two] = foreign;
      await agent.attach(hook, slot);
      const [ours] = await agent.query(slot, hook);
      await agent.attachForeign(one, hook, slot, { before: { linkId: ours!.linkId! } });
      await agent.attachForeign(two, hook, slot, { after: { programId: ours!.id } });
      expect(await order()).toEqual([one, 'ours', two]);
      expect((await agent.query(slot, hook)).map(({ linkId }) => linkId)).toEqual([null, ours!.linkId, null]);
      await agent.detachForeign(one, hook, slot);
      expect(await order()).toEqual(['ours', two]);
    });

    test('hooks that are not named keep our programs', async () => {
      await agent.attach(hook, slot);
      await agent.attach(other, slot);
      await agent.detach(slot, [hook]);
      expect([await order(), await order(other)]).toEqual([[], ['ours']]);
      expect(await agent.links()).toMatchObject([{ slot, hook: other }]);
    });

    test('errors say what is wrong with the place', async () => {
      const [one, two] = foreign;
      await agent.attachForeign(one, hook, slot);
      await expect(agent.attachForeign(one, hook, slot)).rejects.toMatchObject({
        hint: 'the program is already on the hook',
      });
      await expect(agent.attach(hook, slot, { before: { programId: two } })).rejects.toMatchObject({
        hint: 'the program or link to attach next to is not on the hook',
      });
      expect(await order()).toEqual([one]);
    });
  });
}
