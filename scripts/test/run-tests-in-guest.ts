import { compileCache } from '../vm/compile-cache.ts';
import { bootGuest, shellQuote } from '../vm/guest.ts';
import type { TerminalOutput } from './terminal-output.ts';

/** Time limit of the guest's tests, in seconds; they took an hour on a busy machine. */
const timeoutSeconds = 4200;
const mark = '\0report\0';

/**
 * Runs a command in a guest of its own with its output on `terminal`, and returns the text of a file that it wrote
 * there. The guest's files end with it, so the text travels behind the output.
 * @param files the archive of programs to unpack first, and the file that the command writes
 */
export async function runTestsInGuest(
  command: string[],
  { archive, report: file }: { archive: string; report: string },
  env: Record<string, string>,
  terminal: TerminalOutput,
): Promise<{ code: number; report: string | undefined }> {
  let held = '';
  const guest = await bootGuest({
    command: `tar -xPf ${shellQuote(archive)}; ${command.map(shellQuote).join(' ')}; code=$?; printf '\\0report\\0'; cat ${file}; exit $code`,
    env: { NODE_COMPILE_CACHE: compileCache, ...(process.env.CI ? { CI: process.env.CI } : {}), ...env },
    timeoutSeconds,
    onStdout: (chunk) => {
      if (held === '' && !chunk.includes(0)) terminal.out(chunk);
      else held += chunk.toString('latin1');
    },
    onStderr: (chunk) => terminal.err(chunk),
  });
  const stop = () => void guest.stop().then(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const code = await guest.exit.catch((error: Error) => {
    terminal.err(`${error.message}\n`);
    return 1;
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  const at = held.indexOf(mark);
  terminal.out(held.slice(0, at < 0 ? undefined : at));
  const report = at < 0 ? '' : Buffer.from(held.slice(at + mark.length), 'latin1').toString();
  return { code, report: report || undefined };
}
