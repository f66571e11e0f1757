// Writes to the database named on the command line until it is killed, and prints what was acknowledged:
// one line per write, after its promise has resolved.
import { SqliteStore } from '../../../server/store/sqlite-store.ts';
import { newDevice, newMigration, newPod, node } from './records.ts';

const [, , file, run] = process.argv as [string, string, string, string];
const store = await SqliteStore.open({ file, node });
// Writing to a pipe is synchronous on Linux.
const say = (line: string) => process.stdout.write(`${line}\n`);

for (let i = 0; ; i++) {
  const name = `pod-${run}-${i}`;
  const { device } = await store.addPod(newPod(name), newDevice(`id-${name}`, Number(run) * 100_000 + i));
  say(`pod ${name}`);
  // Side by side, as the datapath and the migrations of several pods do.
  await Promise.all([
    store.addMigration(newMigration(`m-${name}`, name)).then(() => say(`migration m-${name}`)),
    store.removeDevice(device.id, [BigInt(i), 7n]).then(() => say(`carried ${name} ${i}`)),
    store
      .addEvent({ type: 'drift', severity: 'info', podId: null, migrationId: null, message: name })
      .then(({ id }) => say(`event ${id} ${name}`)),
  ]);
}
