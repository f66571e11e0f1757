import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A forbidden word with its replacement from `docs/glossary.md`. */
interface Forbidden {
  word: RegExp;
  say: string;
  /** Paths in which this word is forbidden; by default all. */
  only?: RegExp;
}

const access = /^(server\/acl|bpf|contract\/(rule-set|rules|verdict)|app\/(rules|verdicts)|docs\/rules)/;
const tests = /^(test|bench)\//;
const prose = /^(?!scripts\/check\/)/;

/** Forbidden words, which the project once used instead of established terms. Identifiers are checked too. */
const forbidden: Forbidden[] = [
  { word: /\bshort[ -_]?ways?\b|shortWay|WayTaken/i, say: 'redirect' },
  { word: /\bbooks\b|\w+Books\b/, say: 'store, record' },
  { word: /\bfootings?\b|\w*Footing\b/i, say: 'network state' },
  { word: /\bstrangers?\b|\w*Strangers?\b/i, say: 'foreign program' },
  { word: /judg(e|es|ed|ing|ement)/i, say: 'evaluate, verdict' },
  { word: /\bhalves\b|\w*Halves\b/i, say: 'A/B tables, generation' },
  { word: /\bdrafts?\b(?!-ietf)|\w+Draft\b/i, say: 'staged rule set' },
  { word: /\btry[- ]?outs?\b|\btr(y|ied|ying|ies) out\b|TRY_OUT|tryOut/i, say: 'staged (audit)' },
  {
    word: /\b(put|puts|putting|came|come|is|are|rules?|what is|be) in force\b|\bin force (since|now)\b/i,
    say: 'apply, activate; active',
  },
  { word: /\btak(e|es|en|ing) (them |it |the \w+ |all )?away\b|take-away|takeAway/i, say: 'remove' },
  { word: /\bwelcom(e|es|ed|ing)\b/i, say: 'add' },
  { word: /\btruce\b/i, say: 'back-off' },
  { word: /\battend(s|ed|ing)?\b/i, say: 'condition' },
  { word: /\bladders?\b|\w*Ladder\b/i, say: 'escalation policy' },
  { word: /\bsightings?\b|\w*Sightings?\b/i, say: 'observation' },
  { word: /packet[- ]stor(y|ies)|PacketStory/i, say: 'traced packet, outcome' },
  { word: /what became of/i, say: 'outcome' },
  { word: /\bdoors?\b|\w*Doors?\b/, say: 'listener' },
  { word: /\bmishaps?\b|\w*Mishap\b/i, say: 'failure summary' },
  {
    word: /\b(is|are|was|were|be|been|not|none|being) told\b|\btold (of|about|apart)\b/i,
    say: 'reported, published, evaluated',
  },
  { word: /\b(is|are|was|were) (not )?asked about\b|\basked about\b/i, say: 'evaluated' },
  { word: /\bbegun[ _]by\b|begunBy/i, say: 'initiator' },
  { word: /\bunderway\b|\bunder way\b/i, say: 'in progress' },
  { word: /\bground\b|\bGround\b/, say: 'context, fixture' },
  { word: /\brigs?\b|\w+Rig\b/, say: 'testbed' },
  { word: /\bdeeds?\b/i, say: 'injected event' },
  { word: /\btruths?\b/i, say: 'oracle', only: tests },
  { word: /\brows?\b|\w*Rows?\b/, say: 'entry', only: /^(server\/acl|bpf|contract\/(rule-set|rules))/ },
  { word: /\bquestions?\b/i, say: 'evaluation, lookup', only: access },
  { word: /\bpasses? it by\b|\bby the way of\b/i, say: 'bypass', only: prose },
];

/** Reports forbidden words in a text, each with its file, line and replacement. */
export function findForbiddenWords(file: string, text: string): string[] {
  const list = forbidden.filter(({ only }) => only === undefined || only.test(file));
  return text.split('\n').flatMap((line, index) =>
    list.flatMap(({ word, say }) => {
      const hit = word.exec(line);
      return hit ? [`${file}:${index + 1} "${hit[0]}": say ${say}`] : [];
    }),
  );
}

const checked = /\.(ts|tsx|js|c|h|md|css|sh|json|prisma)$/;
const unchecked =
  /^(scripts\/check\/|test\/unit\/scripts\/forbidden-words|package-lock\.json|docs\/glossary\.md|CHANGELOG\.md)|\/generated\//;

/** Reports forbidden words in code, comments, documentation and file names. */
export function checkForbiddenWords(root: string, files: string[]): string[] {
  return files
    .filter((file) => checked.test(file) && !unchecked.test(file))
    .flatMap((file) => [
      ...findForbiddenWords(file, file),
      ...findForbiddenWords(file, readFileSync(join(root, file), 'utf8')),
    ]);
}
