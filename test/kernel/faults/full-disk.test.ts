import { expect, test } from 'vitest';
import { FaultFixture } from '../../testbed/faults/fixture.ts';
import { waitUntilSettled } from '../../testbed/faults/matrix.ts';

test.each(['device', 'journal'] as const)(
  'a disk that is full when the %s is to be written: the migration is refused, and the next one goes',
  async (writing) => {
    await using fixture = await FaultFixture.open({ kind: 'veth', kill: 'process', pingMs: 10 });
    const { slot } = fixture.pod;
    const fault = { type: 'disk-full', writing } as const;
    const refused = await fixture.migrate('veth', { step: 'planned', fault });
    expect(refused).toMatchObject({ how: 'refused', begun: null, code: 'store_failed' });
    expect((await waitUntilSettled(fixture, null, 4000)).violations).toEqual([]);
    expect(fixture.pod.slot).toBe(slot);

    const next = await fixture.migrate('veth', null);
    expect(next).toMatchObject({ how: 'ended', migration: { state: 'done' } });
    expect((await waitUntilSettled(fixture, next.begun, 4000)).violations).toEqual([]);
    expect(fixture.pingers.map((pinger) => pinger.lost)).toEqual([0, 0, 0, 0]);
  },
);
