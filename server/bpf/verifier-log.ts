import { ProblemError, type VerifierRefusal } from '../../contract/problem.ts';
import { errnoName } from '../ffi/libc.ts';
import { findVerifierHint } from './verifier-hints.ts';

const shownInstructions = 12;
const shownLogLines = 60;

/**
 * A log at level 1 (kernel/bpf/log.c, verifier.c) has instructions, `12: (61) r2 = …`, some followed by `; ` and the
 * registers that changed; the registers at a jump target, `from 3 to 9: R0=…`; source lines, since 6.8 with
 * ` @ file:line`; at the end the message, of one line or more, and a line of statistics.
 */
const instructionLine = /^(\d+): \([0-9a-f]{2}\) (.*?)(?:\s*; ((?:frame\d+: ?)?(?:R\d+|fp-\d+).*))?$/;
const stateLine = /^(?:from \d+ to \d+[^:]*: ?|(?:\d+: ?)?)(?:frame\d+: ?)?((?:R\d+|fp-\d+)(?:_\w+)?=.*)$/;
const sourceLine = /^; (.*?)(?: @ (\S+):(\d+))?$/;
const noise =
  /^(processed \d+ insns|verification time|stack depth|func#\d+ @\d+|arg#|last_idx|regs=|mark_precise|parent |Live regs|\d+: safe$|from \d+ to \d+: safe$|--? BEGIN|-- END|Validating |caller:$|callee:$|returning from callee:$|to caller at)/;

type State = Map<string, string>;

/**
 * Adds the registers in text such as `R1=ctx() R2_w=pkt(r=0) fp-8=mmmm`. Spaces in values occur only in parentheses.
 */
function addRegisters(state: State, text: string): void {
  for (const [, name = '', value = ''] of text.matchAll(
    /(R\d+|fp-\d+)(?:_\w+)?=((?:\((?:[^()]|\([^()]*\))*\)|[^\s(])*)/g,
  ))
    state.set(name, value);
}

/** Parses the verifier's log of a refused program. Parts that are missing in the log are null or empty. */
export function parseVerifierLog(program: string, log: string): VerifierRefusal {
  const lines = log
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  const state: State = new Map();
  const before: string[] = [];
  let instruction: VerifierRefusal['instruction'] = null;
  let registers: string[] = [];
  let source: VerifierRefusal['source'] = null;
  let message: string[] = [];
  for (const line of lines.filter((line) => !noise.test(line))) {
    const read = instructionLine.exec(line);
    const states = read ? null : stateLine.exec(line);
    const code = read || states ? null : sourceLine.exec(line);
    if (read) {
      const [, number = '', text = '', changed] = read;
      registers = registerTexts(state);
      instruction = { number: Number(number), text };
      before.push(`${number}: ${text}`);
      if (changed) addRegisters(state, changed);
    } else if (states) {
      const [, known = ''] = states;
      if (line.startsWith('from ') || line.startsWith('0: ')) state.clear();
      addRegisters(state, known);
    } else if (code) {
      const [, text = '', file = null, number] = code;
      if (text !== '') source = { text, file, line: number ? Number(number) : null };
    }
    if (read || states || code) message = [];
    else message.push(line);
  }
  const text = message.join('; ') || 'no reason given';
  return {
    program,
    message: text,
    instruction,
    source,
    registers,
    before: before.slice(-shownInstructions - 1, -1),
    meaning: findVerifierHint(text),
    log: lines.slice(-shownLogLines).join('\n'),
  };
}

/** Formats the verifier's state: registers in numerical order, then stack slots. */
const registerTexts = (state: State): string[] =>
  [...state]
    .sort(([a], [b]) => Number(a[0] === 'f') - Number(b[0] === 'f') || numberIn(a) - numberIn(b))
    .map(([name, value]) => `${name}=${value}`);

const numberIn = (name: string): number => Number(name.replace(/\D/g, ''));

/** Creates an error from a verifier log, with the verifier's message as its text and the log as its cause. */
export function createVerifierError(
  object: string,
  program: string,
  log: string,
  errno: number,
): ProblemError {
  const verifier = parseVerifierLog(program, log);
  const { message, instruction, source, meaning } = verifier;
  const where = instruction === null ? '' : `, at instruction ${instruction.number} (${instruction.text})`;
  const line = source?.line ? `, ${source.file}:${source.line}` : '';
  return new ProblemError(
    'verifier_refused',
    `load ${object}: the verifier refused ${program} (${errnoName(errno)}): ${message}${where}${line}`,
    {
      hint: meaning ?? 'the log shows the verifier’s state at the refused instruction',
      cause: new Error(log),
      verifier,
    },
  );
}
