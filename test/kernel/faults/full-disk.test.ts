import { expect, test } from 'vitest';
import { settled } from '../../testbed/faults/matrix.ts';
import { FaultStage } from '../../testbed/faults/fixture.ts';

test.each(['device', 'journal'] as const)(
  'a disk that is full when the %s is to be written: the migration is refused, and the next one goes',
  async (writing) => {
    await using stage = await FaultStage.open({ kind: 'veth', kill: 'process', pingMs: 10 });
    const { slot } = stage.pod;
    const fault = { type: 'disk-full', writing } as const;
    const refused = await stage.migrate('veth', { step: 'planned', fault });
    expect(refused).toMatchObject({ how: 'refused', begun: null, code: 'store_failed' });
    expect((await settled(stage, null, 4000)).wrongs).toEqual([]);
    expect(stage.pod.slot).toBe(slot);

    const next = await stage.migrate('veth', null);
    expect(next).toMatchObject({ how: 'ended', migration: { state: 'done' } });
    expect((await settled(stage, next.begun, 4000)).wrongs).toEqual([]);
    expect(stage.pingers.map((pinger) => pinger.lost)).toEqual([0, 0, 0, 0]);
  },
);
