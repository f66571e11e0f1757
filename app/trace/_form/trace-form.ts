import { parseAddress } from '../../../contract/cidr.ts';
import type { NewTraceInput, TraceProtocol } from '../../../contract/trace.ts';
import { traceText } from '../text.ts';

/** Fields of the trace form as typed; the URL can fill them in. */
export interface PacketFilterValues {
  pod: string;
  address: string;
  port: string;
  protocol: string;
  family: string;
  packets: string;
  seconds: string;
}

export const emptyPacketFilter: PacketFilterValues = {
  pod: '',
  address: '',
  port: '',
  protocol: '',
  family: '',
  packets: '100',
  seconds: '30',
};

export const traceProtocols = ['tcp', 'udp', 'sctp', 'icmp'] as const;
const keys = ['pod', 'address', 'port', 'protocol', 'family', 'packets', 'seconds'] as const;

export function parsePacketFilter(query: URLSearchParams, plain: PacketFilterValues): PacketFilterValues {
  const form = { ...plain };
  for (const key of keys) form[key] = query.get(key) ?? plain[key];
  return form;
}

export type PacketFilterProblems = Partial<Record<keyof PacketFilterValues, string>>;

interface PacketFilterLimits {
  packets: number;
  seconds: number;
}

/** Validates the trace form; returns the API request, or the problems by field. */
export function validatePacketFilter(
  form: PacketFilterValues,
  most: PacketFilterLimits,
): { wanted: NewTraceInput } | { problems: PacketFilterProblems } {
  const problems: PacketFilterProblems = {};
  const pod = form.pod.trim();
  const address = form.address.trim();
  if (pod === '') problems.pod = traceText.podProblem;
  if (address !== '' && !isAddress(address)) problems.address = traceText.addressProblem;
  const port = form.port.trim();
  if (port !== '' && (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535))
    problems.port = traceText.portProblem;
  const protocol = traceProtocols.find((name) => name === form.protocol) as TraceProtocol | undefined;
  if (port !== '' && protocol === 'icmp') problems.port = traceText.icmpPortProblem;
  const whole = (key: 'packets' | 'seconds') => {
    const value = Number(form[key]);
    if (!/^\d+$/.test(form[key].trim()) || value < 1 || value > most[key])
      problems[key] = traceText.limitProblem(most[key].toLocaleString('en-US'));
    return value;
  };
  const [packets, seconds] = [whole('packets'), whole('seconds')];
  if (Object.keys(problems).length > 0) return { problems };
  return {
    wanted: {
      pod,
      packets,
      seconds,
      ...(address === '' ? {} : { address }),
      ...(port === '' ? {} : { port: Number(port) }),
      ...(protocol === undefined ? {} : { protocol }),
      ...(form.family === '4' || form.family === '6' ? { family: Number(form.family) as 4 | 6 } : {}),
    },
  };
}

function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}
