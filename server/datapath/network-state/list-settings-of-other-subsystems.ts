import { encodeRawAttributes } from '../../netlink/raw-object.ts';
import { formatPortVlan, listPortSettings } from './bridge-port.ts';
import type { EndState } from './end-state.ts';
import { readIpv6Token } from './ipv6-token.ts';
import { describePolicy, policyIdentity } from './security-policies.ts';
import type { Setting } from './setting.ts';

/** Attribute MPTCP_PM_ADDR_ATTR_IF_IDX of an endpoint. */
const endpointIfindex = 7;

/**
 * Lists the settings that other parts of the kernel have for an interface: bridge, autoconfiguration, IPsec, MPTCP, tc.
 */
export function listSettingsOfOtherSubsystems(state: EndState): Setting[] {
  const token = readIpv6Token(state);
  return [
    ...listPortSettings(state.link).map(({ name, value }) => ({
      kind: 'link setting' as const,
      key: `bridge port ${name}`,
      value: value.toString('hex'),
      text: `bridge port ${name} ${value.length <= 4 ? value.readUIntLE(0, value.length) : value.toString('hex')}`,
    })),
    ...state.bridgeVlans.map(formatPortVlan).map((text) => ({
      kind: 'link setting' as const,
      key: `bridge port ${text}`,
      value: '',
      text: `bridge port ${text}`,
    })),
    ...(token === null
      ? []
      : [
          {
            kind: 'link setting' as const,
            key: 'token',
            value: token.toString('hex'),
            text: `token ${token.toString('hex')}`,
          },
        ]),
    ...state.redirects.map(({ index, action }) => ({
      kind: 'redirecting action' as const,
      key: `mirred ${index}`,
      value: String(action),
      text: `action mirred index ${index}`,
    })),
    ...state.securityPolicies.map((policy) => ({
      kind: 'xfrm policy' as const,
      key: policyIdentity(policy),
      value: '',
      text: describePolicy(policy),
    })),
    ...state.mptcpEndpoints.map(({ address, attributes }) => ({
      kind: 'mptcp endpoint' as const,
      key: address,
      value: encodeRawAttributes(attributes.filter(({ type }) => type !== endpointIfindex)).toString('hex'),
      text: `mptcp endpoint ${address}`,
    })),
  ];
}
