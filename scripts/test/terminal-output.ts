/** Output streams that a test level writes to. */
export interface TerminalOutput {
  out(chunk: Buffer | string): void;
  err(chunk: Buffer | string): void;
}

export const processTerminal: TerminalOutput = {
  out: (chunk) => void process.stdout.write(chunk),
  err: (chunk) => void process.stderr.write(chunk),
};

/** Returns a terminal that buffers output until `release()` is called and passes it through afterwards. */
export function createBufferedTerminal(): TerminalOutput & { release(): void } {
  const held: [keyof TerminalOutput, Buffer | string][] = [];
  let released = false;
  const say =
    (where: keyof TerminalOutput) =>
    (chunk: Buffer | string): void =>
      released ? processTerminal[where](chunk) : void held.push([where, chunk]);
  return {
    out: say('out'),
    err: say('err'),
    release() {
      released = true;
      for (const [where, chunk] of held.splice(0)) processTerminal[where](chunk);
    },
  };
}
