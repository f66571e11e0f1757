// Preloaded natively: appends the files of all modules that a process loads to the file PODLANE_LOADED_FILES, one a line.
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const files = new Set();
registerHooks({
  load(url, context, nextLoad) {
    if (url.startsWith('file:')) files.add(fileURLToPath(url));
    return nextLoad(url, context);
  },
});
process.on('exit', () => appendFileSync(process.env.PODLANE_LOADED_FILES ?? '', [...files, ''].join('\n')));
