import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labFlows } from '../../server/lab/lab-flows.ts';
import { type LabPod, labOutsideService } from '../../server/lab/lab-topology.ts';
import type { RequestCounts } from '../../server/lab/traffic/traffic-client.ts';
import type { ContainerOptions } from '../runtimes/container.ts';

/** Folder of the apps in their containers, see scripts/runtimes/traffic.c. */
const target = '/run/lab';
/** Ports that the traffic program listens at: requests of the lab, and HTTP. */
export const trafficPorts = { requests: 8080, http: 80 } as const;

/** The folder that the traffic programs of a lab's containers share. */
export class ContainerTraffic {
  readonly #folder: string;
  readonly #rate: number;

  /** @param rate factor of the flows' rates */
  constructor(folder: string, rate: number) {
    this.#folder = folder;
    this.#rate = rate;
    for (const name of ['peers', 'counts']) mkdirSync(join(folder, name), { recursive: true });
    const lines = labFlows.map(
      ({ type, from, to, rate, request, reply }) => `${type} ${from} ${to} ${rate} ${request} ${reply}\n`,
    );
    writeFileSync(join(folder, 'flows'), lines.join(''));
    writeFileSync(join(folder, 'peers', labOutsideService.app), `${labOutsideService.address}\n`);
  }

  /** Returns what the container of an app runs. */
  containerOf({ app }: Pick<LabPod, 'app'>): Pick<ContainerOptions, 'args' | 'mounts'> {
    return {
      args: ['/bin/traffic', app, target, String(this.#rate)],
      mounts: [{ source: this.#folder, target }],
    };
  }

  /** Returns the address that an app has found for itself; undefined until it has one. */
  addressOf(app: string): string | undefined {
    return this.#read(join('peers', app))?.toString('utf8').trim();
  }

  /** Returns the request counts of an app's clients, which go on when its container is restarted. */
  countsOf(app: string): RequestCounts {
    const bytes = this.#read(join('counts', app));
    if (bytes === undefined || bytes.length < 24) return { ok: 0, failed: 0, reconnects: 0 };
    const [ok = 0, failed = 0, reconnects = 0] = [0, 8, 16].map((offset) =>
      Number(bytes.readBigUInt64LE(offset)),
    );
    return { ok, failed, reconnects };
  }

  #read(file: string): Buffer | undefined {
    try {
      return readFileSync(join(this.#folder, file));
    } catch {
      return undefined; // the app has not started yet
    }
  }
}
