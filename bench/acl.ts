import { compileRules } from '../server/acl/compile/compile.ts';
import {
  countChangedMapElements,
  countPolicyTableElements,
  generatePolicyEndpoints,
  generateRuleSet,
} from './acl-rules.ts';
import { runBenchInNamespaces } from './isolated-run.ts';
import { type BenchReporter, summarizeRuns } from './report.ts';
import type { BenchOptions } from './run.ts';

/** Sizes of the generated rule sets: number of rules, of CIDRs that the rules name, and of pods. */
const sizes = [
  [100, 200, 100],
  [1000, 2000, 100],
  [1000, 2000, 250],
] as const;

/**
 * Compiling generated rules for a node's pods, from nothing and where only one rule's ports change; and of the latter,
 * how many of the maps' entries are touched; then what the kernel takes for both. `entries` are those of all maps.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  for (const [rules, cidrs, count] of sizes) {
    progress(`${rules} rules over ${cidrs} CIDRs for ${count} pods`);
    const pods = generatePolicyEndpoints(count);
    const set = generateRuleSet(rules, cidrs, count);
    const first = compileRules(set, pods);
    const entries = countPolicyTableElements(first.tables);
    const about = { bench: 'acl', rules, cidrs, pods: count, entries };
    const times: number[] = [];
    // The first rounds are for the compiler of the language.
    for (let round = quick ? -1 : -3; round < (quick ? 3 : 15); round += 1) {
      const start = performance.now();
      compileRules(set, pods);
      if (round >= 0) times.push(performance.now() - start);
    }
    report({ ...about, metric: 'compile_ms', unit: 'ms', ...summarizeRuns(times) });

    const touched: number[] = [];
    const withPorts = set.rules.flatMap(({ ports }, index) => (ports.length > 0 ? [index] : []));
    for (const changed of withPorts.filter((_, nth) => nth % Math.ceil(withPorts.length / 20) === 0)) {
      const next = set.rules.map((rule, index) =>
        index === changed ? { ...rule, ports: [{ from: 4444 }] } : rule,
      );
      const { tables } = compileRules({ ...set, rules: next }, pods, { previous: first });
      touched.push(countChangedMapElements(first.tables, tables));
    }
    report({ ...about, metric: 'update_entries', unit: 'entries', ...summarizeRuns(touched) });
  }
  progress('loading rules, and the cost of a packet');
  await runBenchInNamespaces(report, 'acl.worker.ts', [quick ? 'quick' : 'whole']);
}
