export { counterFields, field, noCounters } from '../bpf/counter-fields.ts';
