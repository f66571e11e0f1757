/**
 * Kinds of settings of an interface, as the plan and the API name them: `neighbour` as in Linux, the code says
 * neighbor.
 */
export type SettingKind =
  | 'link setting'
  | 'address'
  | 'route'
  | 'next hop'
  | 'neighbour'
  | 'bridge entry'
  | 'qdisc'
  | 'traffic class'
  | 'filter'
  | 'sysctl'
  | 'offload'
  | 'queue setting'
  | 'multicast address'
  | 'XDP program'
  | 'redirecting action'
  | 'xfrm policy'
  | 'mptcp endpoint';

/** One setting of an interface, in a form that is equal on two interfaces with the same setting. */
export interface Setting {
  kind: SettingKind;
  /** Identity among the settings of its kind. */
  key: string;
  value: string;
  /** Text for users, such as `default via 169.254.1.1 dev eth0`. */
  text: string;
}
