// Writes docs/openapi.json from the routes' schemas; with --check fails when the committed one is old.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildOpenapiDocument } from '../server/http/openapi-document.ts';
import { podlaneVersion } from '../server/version.ts';

const file = new URL('../docs/openapi.json', import.meta.url);
const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
const text = `${JSON.stringify(await buildOpenapiDocument(podlaneVersion), null, 2)}\n`;
if (values.check !== true) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  process.stderr.write('docs/openapi.json is older than the routes; run node scripts/generate-openapi.ts\n');
  process.exitCode = 1;
}
