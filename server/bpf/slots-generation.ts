import { MemoryMapping } from './memory-mapping.ts';
import { datapathSettingsOffsets, datapathSettingsSize } from './rule-layout.ts';

/**
 * The generation of slots, endpoints and packet checks, in the settings that all datapath programs read. Programs keep
 * decisions to redirect for as long as it stays the same.
 */
export class SlotsGeneration {
  readonly #mapping: MemoryMapping;
  readonly #u32: Uint32Array;

  /** Maps the settings map into memory. @param fd descriptor of the map, which may be closed afterwards */
  constructor(fd: number) {
    this.#mapping = new MemoryMapping('the settings', fd, datapathSettingsSize);
    this.#u32 = new Uint32Array(this.#mapping.buffer);
    // From 0 on, programs keep no decision: the agent of before may not have counted changes.
    this.advance();
  }

  /** Makes kept decisions void. Called after each change, since a decision meanwhile may be by what was there before. */
  advance(): void {
    Atomics.add(this.#u32, datapathSettingsOffsets.slotsGeneration / 4, 1);
  }

  close(): void {
    this.#mapping.close();
  }
}
