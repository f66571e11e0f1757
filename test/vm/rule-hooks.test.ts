import { describeRuleHooks } from '../kernel/acl/rule-hooks-suite.ts';

describeRuleHooks(
  { kind: 'netkit', mode: 'l2', hooks: 'netkit' },
  { kind: 'netkit', mode: 'l3', hooks: 'netkit' },
);
