import { describeRuleHooks } from './hooks.ts';

describeRuleHooks({ kind: 'veth', hooks: 'tcx' }, { kind: 'veth', hooks: 'tc' });
