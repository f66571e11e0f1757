import type { ExplainRequest, RuleSetName } from '../../../contract/rules.ts';
import { rulesText } from '../text.ts';

/** Fields of the policy lookup form as typed; the URL stores them. */
export interface PolicyLookupFields {
  set: RuleSetName;
  source: string;
  destination: string;
  /** Protocol name or IP protocol number. */
  protocol: string;
  port: string;
  type: string;
  code: string;
}

export const emptyPolicyLookupFields: PolicyLookupFields = {
  set: 'active',
  source: '',
  destination: '',
  protocol: 'tcp',
  port: '',
  type: '8',
  code: '0',
};
export const policyLookupProtocols = ['tcp', 'udp', 'sctp', 'icmp'] as const;

export const protocolHasPorts = (protocol: string): boolean =>
  ['tcp', 'udp', 'sctp', '6', '17', '132'].includes(protocol);
export const protocolHasIcmpTypes = (protocol: string): boolean => ['icmp', '1', '58'].includes(protocol);

export function parsePolicyLookupFields(query: URLSearchParams): PolicyLookupFields {
  const form = { ...emptyPolicyLookupFields };
  for (const key of ['source', 'destination', 'protocol', 'port', 'type', 'code'] as const)
    form[key] = query.get(key) ?? emptyPolicyLookupFields[key];
  return { ...form, set: query.get('set') === 'staged' ? 'staged' : 'active' };
}

/** Converts the policy lookup form to a URL query, without fields that the protocol does not have. */
export function buildPolicyLookupQuery(form: PolicyLookupFields): string {
  const query = new URLSearchParams({ source: form.source, destination: form.destination });
  query.set('protocol', form.protocol);
  if (protocolHasPorts(form.protocol)) query.set('port', form.port);
  if (protocolHasIcmpTypes(form.protocol)) {
    query.set('type', form.type);
    query.set('code', form.code);
  }
  if (form.set === 'staged') query.set('set', 'staged');
  return query.toString();
}

export type PolicyLookupProblems = Partial<Record<keyof PolicyLookupFields, string>>;

const whole = (text: string, most: number): number | null =>
  /^\d{1,5}$/.test(text.trim()) && Number(text) <= most ? Number(text) : null;

/** Validates the policy lookup form; returns the API request, or the problems by field. */
export function validatePolicyLookup(
  form: PolicyLookupFields,
): { request: ExplainRequest } | { problems: PolicyLookupProblems } {
  const problems: PolicyLookupProblems = {};
  const source = form.source.trim();
  const destination = form.destination.trim();
  if (source === '') problems.source = rulesText.endpointProblem;
  if (destination === '') problems.destination = rulesText.endpointProblem;
  const named = policyLookupProtocols.find((name) => name === form.protocol.trim().toLowerCase());
  const protocol = named ?? whole(form.protocol, 255);
  if (protocol === null) problems.protocol = rulesText.protocolProblem;
  const port = whole(form.port, 65_535);
  if (protocolHasPorts(form.protocol) && port === null) problems.port = rulesText.portProblem;
  const [type, code] = [whole(form.type, 255), whole(form.code === '' ? '0' : form.code, 255)];
  if (protocolHasIcmpTypes(form.protocol) && type === null) problems.type = rulesText.icmpProblem;
  if (protocolHasIcmpTypes(form.protocol) && code === null) problems.code = rulesText.icmpProblem;
  if (Object.keys(problems).length > 0 || protocol === null) return { problems };
  return {
    request: {
      set: form.set,
      source,
      destination,
      protocol,
      ...(protocolHasPorts(form.protocol) && port !== null ? { port } : {}),
      ...(protocolHasIcmpTypes(form.protocol) && type !== null && code !== null
        ? { icmp: { type, code } }
        : {}),
    },
  };
}
