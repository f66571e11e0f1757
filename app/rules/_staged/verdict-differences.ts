import type { Verdict, VerdictKind } from '../../../contract/verdict.ts';
import { rulesText } from '../text.ts';

/** Packets of one rule and pod on which the staged and the active rules differ. */
export interface VerdictDifference {
  key: string;
  kind: VerdictKind;
  /** Name of the staged rule that decided; null if the default action of the staged rules decided. */
  rule: string | null;
  pod: string;
  podHref: string | null;
  packets: number;
  /** Verdict on the newest of the packets. */
  last: Verdict;
}

/** Groups verdicts of the staged rules by kind, rule and pod, the largest group first. */
export function groupVerdictDifferences(verdicts: readonly Verdict[]): VerdictDifference[] {
  const differences = new Map<string, VerdictDifference>();
  for (const verdict of verdicts) {
    const { kind, rule, pod } = verdict;
    if (kind !== 'staged-deny' && kind !== 'staged-allow') continue;
    const name = pod === null ? rulesText.deletedPod : `${pod.namespace}.${pod.name}`;
    const key = JSON.stringify([kind, rule, name]);
    const known = differences.get(key);
    if (known !== undefined) known.packets += 1;
    else
      differences.set(key, {
        key,
        kind,
        rule,
        pod: name,
        podHref: pod === null ? null : `/pods/${name}`,
        packets: 1,
        last: verdict,
      });
  }
  return [...differences.values()].sort((a, b) => b.packets - a.packets);
}
