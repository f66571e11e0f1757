import { describeRuleHooks } from './rule-hooks-suite.ts';

describeRuleHooks({ kind: 'veth', hooks: 'tcx' }, { kind: 'veth', hooks: 'tc' });
