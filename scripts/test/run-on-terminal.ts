import { spawn } from 'node:child_process';

/** Time limit of a test level, in minutes; the slowest level took 38 on a busy machine. */
const timeoutMinutes = 60;

/**
 * Runs a program on this terminal and returns its exit code; 1 when it cannot be started or its time is up.
 * A signal that ends this process ends the program first: by SIGINT, on which test runners remove what they made.
 */
export function runOnTerminal(command: string, args: string[], env: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
      timeout: timeoutMinutes * 60_000,
      killSignal: 'SIGINT',
    });
    const stop = (signal: NodeJS.Signals) => {
      child.once('close', () => process.exit(130));
      if (signal === 'SIGTERM') child.kill('SIGINT'); // a terminal gives its SIGINT to the program too
    };
    process.on('SIGINT', stop).on('SIGTERM', stop);
    child.on('error', (error) => {
      console.error(`${command} cannot be started: ${error.message}`);
      resolve(1);
    });
    child.on('close', (code) => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      resolve(code ?? 1);
    });
  });
}
