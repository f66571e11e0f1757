import { enableCompileCache, flushCompileCache } from 'node:module';
import path from 'node:path';

// Taking the types out of the sources costs memory for as long as the process lives: what came of it is kept
// for the next start. NODE_COMPILE_CACHE, where set, spares this file too, and with it Node's compiler of 25 MB.
// A folder that cannot be written only means that it is done again.
enableCompileCache(path.join(import.meta.dirname, '../.cache/node'));
const { main } = await import('./agent.ts');
await main();
flushCompileCache();
