import { enableCompileCache, flushCompileCache } from 'node:module';
import path from 'node:path';

// Node strips the types of each source when it loads it; the cache keeps the result for the next start, and with it
// 25 MB of memory that the type stripper holds as long as the process lives. NODE_COMPILE_CACHE covers this file too.
// A folder that cannot be written only means that the work is repeated.
enableCompileCache(path.join(import.meta.dirname, '../.cache/node'));
const { runAgentProcess } = await import('./agent-process.ts');
await runAgentProcess();
flushCompileCache();
