import { ProblemError } from '../../contract/problem.ts';
import { type DatapathMaps, mapBytes, mapNames, nameInObject } from './datapath-maps.ts';
import { programNames } from './datapath-programs.ts';
import { configBytes } from './layout.ts';
import { type MapInfo, mapInfo } from './map.ts';
import { describeObject, trafficControl } from './object.ts';

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
    else if (found.type !== trafficControl)
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
