import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ProblemError } from '../../contract/problem.ts';
import { type DatapathFeatures, encodeDatapathFeatures } from './datapath-features.ts';
import {
  type DatapathMapCapacities,
  type DatapathMapDescriptors,
  datapathMapEntrySizes,
  datapathMapMaxEntries,
  datapathMapNames,
  getMapNameInObject,
} from './datapath-maps.ts';
import { datapathProgramNames } from './datapath-programs.ts';
import {
  datapathConfigBuildOffset,
  datapathConfigFeaturesOffset,
  datapathConfigSize,
} from './datapath-structs.ts';
import { type BpfMapInfo, readBpfMapInfo } from './map-info.ts';
import {
  describeBpfObject,
  type LoadedBpfObject,
  loadBpfObject,
  schedClsProgramType,
} from './object-loader.ts';

const committedObject = new URL('../../bpf/objects/datapath.bpf.o', import.meta.url);

/** Returns the id of a build: the SHA-256 digest of its object file in hex. */
export const computeBuildId = (image: Buffer): string => createHash('sha256').update(image).digest('hex');

/** Reads the BPF object file that is bundled with the agent. */
export const readBundledObject = (): Promise<Buffer> => readFile(committedObject);

/**
 * Checks that an object has the programs that the agent attaches, and maps with the shapes that the agent uses, or of
 * the pinned maps that it is loaded with. Further programs and maps are allowed.
 * @param pinned descriptors of pinned maps with usable shapes
 * @throws ProblemError `bad_object`, `build_incompatible` with each difference in `errors`
 */
export function checkDatapathObject(image: Buffer, pinned: Partial<DatapathMapDescriptors>): void {
  const { programs, maps } = describeBpfObject('the build', image);
  const errors: { path: string; message: string }[] = [];
  for (const name of datapathProgramNames) {
    const found = programs.find((program) => program.name === name);
    if (found === undefined) errors.push({ path: name, message: 'the program is missing' });
    else if (found.type !== schedClsProgramType)
      errors.push({ path: name, message: `the program is of type ${found.type}, not of traffic control` });
  }
  for (const name of datapathMapNames) {
    const fd = pinned[name];
    const wanted = fd === undefined ? datapathMapEntrySizes(name) : readBpfMapInfo(fd);
    const found = maps.find((map) => map.name === getMapNameInObject(name));
    if (found === undefined) {
      errors.push({ path: name, message: 'the map is missing' });
      continue;
    }
    for (const [field, what] of fields) {
      const should = (wanted as Partial<BpfMapInfo>)[field];
      if (should !== undefined && found[field] !== should)
        errors.push({ path: name, message: `the map’s ${what} is ${found[field]}, not ${should}` });
    }
  }
  const config = maps.find((map) => map.data && map.name.endsWith('.rodata'));
  if (config?.valueBytes !== datapathConfigSize)
    errors.push({
      path: '.rodata',
      message: `the configuration has ${config?.valueBytes ?? 0} bytes, not ${datapathConfigSize}`,
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

/** Loads a datapath object, reusing the `pinned` maps, without attaching its programs. */
export function loadDatapathObject(
  image: Buffer,
  build: string,
  sizes: DatapathMapCapacities,
  features: DatapathFeatures,
  pinned: Partial<DatapathMapDescriptors>,
): Promise<LoadedBpfObject> {
  return loadBpfObject({
    name: 'datapath',
    image,
    maps: Object.fromEntries(
      datapathMapNames.map((name) => {
        const reuse = pinned[name];
        return [
          getMapNameInObject(name),
          reuse === undefined ? { maxEntries: datapathMapMaxEntries(name, sizes) } : { reuse },
        ];
      }),
    ),
    rodata(bytes) {
      bytes.writeUInt32LE(sizes.slots, 0);
      bytes.write(build, datapathConfigBuildOffset, 'hex');
      bytes.writeUInt32LE(encodeDatapathFeatures(features), datapathConfigFeaturesOffset);
    },
  });
}
