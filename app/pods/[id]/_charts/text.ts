/** Interface texts of the live charts. */
export const chartsText = {
  section: 'Live charts',
  title: 'Live',
  range: 'Time range',
  pause: 'Pause',
  resume: 'Resume',
  colorKey: 'Trace color: device that carried the packets',
  sampledAt: 'at',
  pausedAt: 'paused at',
  waiting: 'Waiting for the first sample',
  time: 'time',
  now: 'now',
  unknown: 'n/a',

  packets: 'Packets',
  bits: 'Bits',
  ingress: 'in',
  egress: 'out',
  device: 'device',
  directions: 'above zero: to pod · below zero: from pod',

  drops: 'Drops',
  dropsUnit: '/s by reason',
  allDrops: 'all',
  noDrops: 'none in this range',

  cpu: 'Program CPU',
  cpuUnit: '% of a core',
  bothPrograms: 'both',
  nsPerRun: 'ns/run',
  cpuDetail:
    'This pod’s share of the run time of Podlane’s programs: its runs × mean time per run on the node. Other kernel work per packet is not included.',
} as const;

/** Formats the name of a chart for screen readers. */
export const formatChartLabel = (title: string): string => `${title}, chart. Arrow keys move by one second.`;
export const formatChartTableLabel = (title: string): string => `${title}, table`;
export const formatShowAsTableLabel = (title: string): string => `Show ${title} as a table`;
export const formatShowAsChartLabel = (title: string): string => `Show ${title} as a chart`;
