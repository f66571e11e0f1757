import { readFileSync } from 'node:fs';

/** Podlane's version, read from package.json. */
export const podlaneVersion: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;
