import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ProblemError } from '../../contract/problem.ts';
import {
  type DatapathMaps,
  type MapSizes,
  mapBytes,
  mapEntries,
  mapNames,
  nameInObject,
} from './datapath-maps.ts';
import { programNames } from './datapath-programs.ts';
import { type MapInfo, mapInfo } from './map-info.ts';
import { describeObject, type LoadedObject, loadObject, schedClsProgramType } from './object-loader.ts';
import { configBuildOffset, configBytes } from './slot-layout.ts';

const committedObject = new URL('../../bpf/objects/datapath.bpf.o', import.meta.url);

/** What a build is named by: SHA-256 of the object, hex. */
export const buildOf = (image: Buffer): string => createHash('sha256').update(image).digest('hex');

/** The object that comes with the agent. */
export const installedObject = (): Promise<Buffer> => readFile(committedObject);

/**
 * Whether an object can run under this agent: our programs, and our maps in the shapes that the agent reads and
 * writes, and of those that are pinned, which it is to go on with. What else it has is its own.
 * @param pinned descriptors; those of another shape left out
 * @throws ProblemError `bad_object`, `build_incompatible` with each difference in `errors`
 */
export function checkObject(image: Buffer, pinned: Partial<DatapathMaps>): void {
  const { programs, maps } = describeObject('the build', image);
  const errors: { path: string; message: string }[] = [];
  for (const name of programNames) {
    const found = programs.find((program) => program.name === name);
    if (found === undefined) errors.push({ path: name, message: 'the program is missing' });
    else if (found.type !== schedClsProgramType)
      errors.push({ path: name, message: `the program is of type ${found.type}, not of traffic control` });
  }
  for (const name of mapNames) {
    const fd = pinned[name];
    const wanted = fd === undefined ? mapBytes(name) : mapInfo(fd);
    const found = maps.find((map) => map.name === nameInObject(name));
    if (found === undefined) {
      errors.push({ path: name, message: 'the map is missing' });
      continue;
    }
    for (const [field, what] of fields) {
      const should = (wanted as Partial<MapInfo>)[field];
      if (should !== undefined && found[field] !== should)
        errors.push({ path: name, message: `the map’s ${what} is ${found[field]}, not ${should}` });
    }
  }
  const config = maps.find((map) => map.data && map.name.endsWith('.rodata'));
  if (config?.valueBytes !== configBytes)
    errors.push({
      path: '.rodata',
      message: `the configuration has ${config?.valueBytes ?? 0} bytes, not ${configBytes}`,
    });
  if (errors.length === 0) return;
  throw new ProblemError(
    'build_incompatible',
    errors.map(({ path, message }) => `${path}: ${message}`).join('; '),
    { hint: 'It is a build for another version of the agent, or not of Podlane’s datapath.', errors },
  );
}

const fields = [
  ['type', 'type'],
  ['keyBytes', 'key in bytes'],
  ['valueBytes', 'value in bytes'],
  ['flags', 'flags'],
] as const;

/** The object in the kernel, attached to nothing yet, using the maps that are `pinned`. */
export function loadBuild(
  image: Buffer,
  build: string,
  sizes: MapSizes,
  pinned: Partial<DatapathMaps>,
): Promise<LoadedObject> {
  return loadObject({
    name: 'datapath',
    image,
    maps: Object.fromEntries(
      mapNames.map((name) => {
        const reuse = pinned[name];
        return [
          nameInObject(name),
          reuse === undefined ? { maxEntries: mapEntries(name, sizes) } : { reuse },
        ];
      }),
    ),
    rodata(bytes) {
      bytes.writeUInt32LE(sizes.slots, 0);
      bytes.write(build, configBuildOffset, 'hex');
    },
  });
}
