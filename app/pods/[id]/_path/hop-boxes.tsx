import type { CSSProperties, ReactNode } from 'react';
import { isIpv6Text } from '../../../../contract/cidr.ts';
import { formatCount } from '../../../_lib/format.ts';
import { splitGeneratedSuffix, stripPrefixLength } from '../../../_lib/pod-queries.ts';
import { focusableRegionProps } from '../focusable-region.ts';
import { LiveNumber } from './live-number.tsx';
import css from './path.module.css';
import type { RatesByDirection } from './path-diagram-types.ts';
import type { ContainerHop, DeviceHop, HostHop, UplinkHop } from './path-hops.ts';
import { formatIpForwarding, formatUplinkDrops, formatUplinkDropsDetail, pathText } from './text.ts';

/** Renders a focusable box of the path diagram with a name for screen readers. */
function Box(props: { name: string; style: CSSProperties; children: ReactNode }) {
  return (
    <div className={css.box} {...focusableRegionProps(props.name)} style={props.style}>
      {props.children}
    </div>
  );
}

/** A label, its value and, if the value is shortened, the full value. */
export type PathHopFact = [label: string, value: string, whole?: string];

/** Lists facts with their labels, one per line; a shortened value has the full one as its title. */
export function PathHopFactList({ rows, align }: { rows: PathHopFact[]; align?: 'left' }) {
  return (
    <dl className={css.facts} data-align={align}>
      {rows.map(([label, value, whole]) => (
        <div key={`${label} ${value}`} className="contents">
          <dt>{label}</dt>
          <dd className="code" title={whole ?? value}>
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Returns a fact for each address family: the first of its addresses, and the number of its further addresses. */
export function listAddressFacts({ addresses }: Pick<ContainerHop, 'addresses'>): PathHopFact[] {
  const families = [addresses.filter((each) => !isIpv6Text(each)), addresses.filter(isIpv6Text)];
  const lines = families
    .filter((all) => all.length > 0)
    .map((all, index): PathHopFact => {
      const more = all.length > 1 ? ` +${all.length - 1}` : '';
      return [index === 0 ? pathText.address : '', `${stripPrefixLength(all[0])}${more}`, all.join('\n')];
    });
  return lines.length > 0 ? lines : [[pathText.address, pathText.none]];
}

export function ContainerHopBox({ hop, style }: { hop: ContainerHop; style: CSSProperties }) {
  return (
    <Box name={`${hop.name}, ${pathText.container}`} style={style}>
      <h3 title={hop.name}>
        {splitGeneratedSuffix(hop.name)[0]}{' '}
        <span className="font-normal text-muted">{pathText.container}</span>
      </h3>
      <PathHopFactList
        rows={[
          [pathText.interface, hop.interface],
          ...listAddressFacts(hop),
          [pathText.ifindex, String(hop.ifindex)],
          [pathText.mtu, String(hop.mtu)],
        ]}
      />
    </Box>
  );
}

export function HostHopBox({
  hop,
  device,
  style,
}: {
  hop: HostHop;
  device: DeviceHop | null;
  style: CSSProperties;
}) {
  return (
    <Box name={pathText.hostStack} style={style}>
      <h3>{pathText.hostStack}</h3>
      <PathHopFactList
        align="left"
        rows={[
          [
            pathText.route,
            gatewayLabel(hop.defaultRoutes),
            hop.defaultRoutes.join('\n') || pathText.noDefaultRouteDetail,
          ],
          [
            pathText.neighbor,
            neighborLabel(hop.neighbors, device),
            hop.neighbors.join('\n') || pathText.noNeighborDetail,
          ],
          [pathText.forwarding, formatIpForwarding(hop.forwarding, hop.rpFilter)],
        ]}
      />
    </Box>
  );
}

/** Returns the gateway of the host's default route: `via 192.168.40.1`. */
const gatewayLabel = ([route]: readonly string[]): string =>
  route === undefined ? pathText.noDefaultRoute : (/via \S+/.exec(route)?.[0] ?? route);

/** Formats the pod's neighbor entry on the host with the last two bytes of its MAC address: `…01:41 PERMANENT`. */
function neighborLabel([neighbor, ...more]: readonly string[], device: DeviceHop | null): string {
  if (neighbor === undefined) return device?.mode === 'l3' ? pathText.noNeighborL3 : pathText.none;
  const [, end, state] = /lladdr (?:[0-9a-f]{2}:){4}(\S+).*?([A-Z]+)$/.exec(neighbor) ?? [];
  const others = more.length > 0 ? ` +${more.length}` : '';
  return end === undefined ? neighbor : `…${end} ${state}${others}`;
}

export function UplinkHopBox(props: {
  hop: UplinkHop;
  rates: { packets: RatesByDirection; bits: RatesByDirection };
  style: CSSProperties;
}) {
  const { hop, rates } = props;
  return (
    <Box name={`${hop.name}, ${pathText.uplink}`} style={props.style}>
      <div className="flex justify-between gap-3">
        <h3>
          <span className="code">{hop.name}</span>{' '}
          <span className="font-normal text-muted">{pathText.uplink}</span>
        </h3>
        <span className="text-12 text-muted">
          {pathText.mtu} {hop.mtu}
        </span>
      </div>
      <dl className="text-12 text-ink-2 leading-[18px] tabular-nums">
        <div className="flex justify-between gap-3" title={pathText.nodeTrafficDetail}>
          <dt className="text-muted">{pathText.node}</dt>
          <dd className="whitespace-nowrap">
            <LiveNumber value={rates.bits.egress} unit="bit/s" reason={pathText.needsTwoReadings} />{' '}
            {pathText.egress} ·{' '}
            <LiveNumber value={rates.bits.ingress} unit="bit/s" reason={pathText.needsTwoReadings} />{' '}
            {pathText.ingress}
          </dd>
        </div>
        <div className="flex justify-between gap-3">
          <dt className="code text-muted">{stripPrefixLength(hop.addresses[0]) || pathText.noAddress}</dt>
          <dd title={formatUplinkDropsDetail(hop.rx.dropped, hop.tx.dropped)}>
            {formatUplinkDrops(formatCount(hop.rx.dropped + hop.tx.dropped))}
          </dd>
        </div>
      </dl>
    </Box>
  );
}
