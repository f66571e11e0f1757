import { type Logger, pino } from 'pino';
import { ProblemError } from '../contract/problem.ts';
import { reportTimerErrors } from './async/safe-timers.ts';
import { composeAgent } from './compose-agent.ts';
import { type AgentConfig, agentHelpText, readAgentConfig } from './config.ts';
import { LogLineRing } from './debug/log-ring.ts';
import { returnFreedMemory } from './freed-memory.ts';

/** Milliseconds that the agent has to close after a signal before the process exits. */
const closeTimeoutMs = 10_000;
/** Time in ms after which the same error of a timer is reported again. */
const repeatMs = 60_000;
/** Maximum number of different errors of timers that are remembered. */
const maxReported = 100;

/** Reads the configuration, runs the agent, and exits the process after a signal has stopped the agent. */
export async function runAgentProcess(): Promise<void> {
  returnFreedMemory();
  const config = configure();
  const logRing = new LogLineRing();
  const log = openLog(config, logRing);
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'the agent failed');
    process.exit(1);
  });
  reportTimerErrors(limitRepeats((err) => log.error({ err }, 'a timer failed')));
  try {
    const { addresses, close } = await composeAgent(config, log, logRing);
    closeOnSignal(log, close);
    process.stderr.write(`agent ready on ${addresses.join(' and ')}\n`);
  } catch (error) {
    exitWithError(error, 1);
  }
}

/** Limits reports of the same message to one a minute: a timer may fail ten times a second. */
function limitRepeats(report: (error: unknown) => void): (error: unknown) => void {
  const reported = new Map<string, number>();
  return (error) => {
    const text = String(error);
    const now = performance.now();
    if (now - (reported.get(text) ?? Number.NEGATIVE_INFINITY) < repeatMs) return;
    if (reported.size >= maxReported) reported.clear();
    reported.set(text, now);
    report(error);
  };
}

/** Returns the configuration, or prints the help or the invalid flags and exits the process. */
function configure(): AgentConfig {
  try {
    const config = readAgentConfig(process.argv.slice(2), process.env);
    if (config !== 'help') return config;
  } catch (error) {
    exitWithError(error, 2);
  }
  process.stdout.write(agentHelpText);
  process.exit(0);
}

/** Creates a logger that writes to standard error and to `logRing` for debug archives. */
function openLog({ logLevel }: AgentConfig, logRing: LogLineRing): Logger {
  const stderr = pino.destination({ fd: 2, sync: true });
  return pino(
    { level: logLevel, base: { pid: process.pid } },
    {
      write: (line: string) => {
        stderr.write(line);
        logRing.write(line);
      },
    },
  );
}

/** Closes the agent on SIGTERM or SIGINT; a second signal exits the process at once. */
function closeOnSignal(log: Logger, close: () => Promise<void>): void {
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'agent.stopping');
    setTimeout(() => {
      log.error(`not stopped within ${closeTimeoutMs} ms`);
      process.exit(1);
    }, closeTimeoutMs).unref();
    close().then(
      () => process.exit(0),
      (err: unknown) => {
        log.error({ err }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
}

/** Prints why the agent could not start, and exits the process with `status`. */
function exitWithError(error: unknown, status: number): never {
  const text = error instanceof ProblemError ? error.message : String((error as Error).stack ?? error);
  process.stderr.write(`agent not started: ${text}\n`);
  if (error instanceof ProblemError && error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  process.exit(status);
}
