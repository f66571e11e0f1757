import {
  bothEnds,
  type DeviceEnd,
  type ElementContext,
  type ElementKind,
  linesOf,
  ownMac,
} from '../element.ts';

const tc = linesOf('tc');
const sh = linesOf('sh');
const root = 'qdisc add dev DEV root handle 1:';

/** Root qdiscs, wide enough for what the pods of a test send. */
const plain: Record<string, (context: ElementContext) => string> = {
  tbf: ({ random }) =>
    `tbf rate ${random.between(200, 900)}mbit burst 512kb ${random.one(['latency 50ms', 'limit 900000'])} ${random.maybe('peakrate 2gbit mtu 9000')}`,
  pfifo: ({ random }) => `pfifo limit ${random.between(500, 2000)}`,
  bfifo: ({ random }) => `bfifo limit ${random.between(500_000, 900_000)}`,
  pfifo_head_drop: ({ random }) => `pfifo_head_drop limit ${random.between(500, 2000)}`,
  fq_codel: ({ random }) =>
    `fq_codel limit ${random.between(5000, 9000)} flows 512 target ${random.between(3, 9)}ms interval 150ms quantum 900 ecn`,
  codel: ({ random }) => `codel limit ${random.between(500, 2000)} target 7ms`,
  fq: ({ random }) =>
    `fq limit ${random.between(5000, 9000)} flow_limit 200 quantum 4000 maxrate ${random.between(200, 900)}mbit`,
  sfq: ({ random }) => `sfq perturb ${random.between(5, 60)} quantum 2000`,
  cake: ({ random }) => `cake bandwidth ${random.between(200, 900)}mbit besteffort flows rtt 80ms`,
  netem: ({ random }) => `netem limit ${random.between(2000, 5000)} delay ${random.between(10, 400)}us`,
  prio: ({ random }) => `prio bands ${random.between(3, 5)}`,
  red: () => 'red limit 400000 min 30000 max 90000 avpkt 1000 burst 55 probability 0.02 bandwidth 500mbit',
  pie: () => 'pie limit 2000 target 20ms',
  ets: () => 'ets strict 2 quanta 4000 3000',
  hhf: () => 'hhf limit 3000',
};

const inner = [
  'pfifo limit 700',
  'bfifo limit 600000',
  'tbf rate 300mbit burst 512kb latency 60ms',
  'fq_codel limit 4000',
  'sfq perturb 10',
  'netem limit 3000',
];

const classful: Record<string, (context: ElementContext) => string[]> = {
  htb: ({ random }) => [
    `${root} htb default ${random.one(['10', '20'])} r2q ${random.between(200, 900)}`,
    `class add dev DEV parent 1: classid 1:1 htb rate ${random.between(500, 900)}mbit burst 90kb`,
    `class add dev DEV parent 1:1 classid 1:10 htb rate 300mbit ceil 400mbit prio ${random.between(0, 5)} quantum 4000`,
    `class add dev DEV parent 1:1 classid 1:20 htb rate 200mbit ceil 500mbit burst 70kb cburst 80kb quantum 6000`,
    'filter add dev DEV parent 1: protocol ip prio 4 u32 match ip dport 9000 0xffff flowid 1:10',
  ],
  hfsc: () => [
    `${root} hfsc default 1`,
    'class add dev DEV parent 1: classid 1:1 hfsc sc rate 500mbit ul rate 900mbit',
  ],
  drr: () => [
    `${root} prio`,
    'filter add dev DEV parent 1: protocol ip prio 4 u32 match ip dport 9000 0xffff flowid 1:1',
  ],
};

/** Matches and what is done then, for the classifiers of clsact; none that touches what a test measures. */
const filters: Record<string, (context: ElementContext) => string> = {
  u32: ({ random }) =>
    `protocol ip prio ${random.between(10, 900)} u32 match ip dport ${random.between(9000, 9999)} 0xffff match ip protocol 6 0xff classid 1:7`,
  'u32 for IPv6': ({ random }) =>
    `protocol ipv6 prio ${random.between(1000, 1900)} u32 match ip6 dport ${random.between(9000, 9999)} 0xffff classid 1:8`,
  flower: ({ random }) =>
    `protocol ip prio ${random.between(2000, 2900)} flower ip_proto tcp dst_port ${random.between(9000, 9999)} action drop`,
  matchall: ({ random }) => `prio ${random.between(3000, 3900)} matchall classid 1:9`,
  fw: ({ random }) => `prio ${random.between(4000, 4900)} handle ${random.between(1, 99)} fw classid 1:6`,
  'u32 with police': () =>
    'protocol ip prio 5000 u32 match ip dport 9999 0xffff police rate 1mbit burst 90k drop',
};

const ofEnd = (end: DeviceEnd): ElementKind[] => [
  ...Object.entries(plain).map(
    ([name, options]): ElementKind => ({
      name: `qdisc: ${name}`,
      end,
      phase: 'qdisc',
      alternative: 'root qdisc',
      commands: (context) => tc(`${root} ${options(context)}`),
    }),
  ),
  ...Object.entries(classful).map(
    ([name, lines]): ElementKind => ({
      name: `qdisc: ${name} with classes and a filter`,
      end,
      phase: 'qdisc',
      alternative: 'root qdisc',
      commands: (context) => tc(...lines(context)),
    }),
  ),
  ...inner.map(
    (options): ElementKind => ({
      name: `qdisc: htb with ${options.split(' ')[0]}`,
      end,
      phase: 'qdisc',
      alternative: 'root qdisc',
      commands: (context) =>
        tc(...classful.htb!(context), `qdisc add dev DEV parent 1:10 handle 10: ${options}`),
    }),
  ),
  ...Object.entries(filters).map(
    ([name, filter]): ElementKind => ({
      name: `filter: ${name}`,
      end,
      phase: 'filter',
      commands: (context) =>
        tc(
          'qdisc replace dev DEV clsact',
          `filter add dev DEV ${context.random.one(['ingress', 'egress'])} ${filter(context)}`,
        ),
    }),
  ),
];

export const qdiscKinds: readonly ElementKind[] = [
  ...bothEnds.flatMap(ofEnd),
  // What comes in at another device of the host is mirrored into the pod's.
  {
    name: 'filter: mirred of another device into this one',
    end: 'host',
    phase: 'filter',
    commands: ({ unique }) => {
      const number = unique();
      const other = `m${number}`;
      return [
        ...sh(`ip link add ${other} address ${ownMac(number)} up type bridge`),
        ...tc(
          `qdisc replace dev ${other} clsact`,
          `filter add dev ${other} egress protocol ip prio 3 u32 match ip dport 9001 0xffff action mirred egress mirror dev DEV`,
        ),
      ];
    },
  },
];
