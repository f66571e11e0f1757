import type { CSSProperties, ReactNode } from 'react';
import { isIpv6Text } from '../../../../contract/cidr.ts';
import { count } from '../../../_lib/format.ts';
import { plainAddress, splitName } from '../../../_lib/pod-queries.ts';
import { focusableRegion } from '../focusable-region.ts';
import { Figure } from './figure.tsx';
import css from './path.module.css';
import type { ContainerHop, DeviceHop, EdgeRates, HostHop, UplinkHop } from './path-view.ts';
import { droppedDetail, droppedFact, forwardingFact, pathText } from './text.ts';

/** Box of the drawing that takes the focus and has a name for screen readers. */
function Box(props: { name: string; style: CSSProperties; children: ReactNode }) {
  return (
    <div className={css.box} {...focusableRegion(props.name)} style={props.style}>
      {props.children}
    </div>
  );
}

/** Label and value of a fact, and the full value where the value is shortened. */
export type FactRow = [label: string, value: string, whole?: string];

/** Facts with a label, one per line; a shortened value has the full one as its title. */
export function Facts({ rows, align }: { rows: FactRow[]; align?: 'left' }) {
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

/** Returns a line for each address family: its first address and the number of further ones. */
export function addressLines({ addresses }: Pick<ContainerHop, 'addresses'>): FactRow[] {
  const families = [addresses.filter((each) => !isIpv6Text(each)), addresses.filter(isIpv6Text)];
  const lines = families
    .filter((all) => all.length > 0)
    .map((all, index): FactRow => {
      const more = all.length > 1 ? ` +${all.length - 1}` : '';
      return [index === 0 ? pathText.address : '', `${plainAddress(all[0])}${more}`, all.join('\n')];
    });
  return lines.length > 0 ? lines : [[pathText.address, pathText.none]];
}

export function ContainerBox({ hop, style }: { hop: ContainerHop; style: CSSProperties }) {
  return (
    <Box name={`${hop.name}, ${pathText.container}`} style={style}>
      <h3 title={hop.name}>
        {splitName(hop.name)[0]} <span className="font-normal text-muted">{pathText.container}</span>
      </h3>
      <Facts
        rows={[
          [pathText.interface, hop.interface],
          ...addressLines(hop),
          [pathText.ifindex, String(hop.ifindex)],
          [pathText.mtu, String(hop.mtu)],
        ]}
      />
    </Box>
  );
}

export function HostBox({
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
      <Facts
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
          [pathText.forwarding, forwardingFact(hop.forwarding, hop.rpFilter)],
        ]}
      />
    </Box>
  );
}

/** Returns the gateway of the host's default route: `via 192.168.40.1`. */
const gatewayLabel = ([route]: readonly string[]): string =>
  route === undefined ? pathText.noDefaultRoute : (/via \S+/.exec(route)?.[0] ?? route);

/** Returns the pod's neighbor entry on the host, with the last two bytes of its MAC: `…01:41 PERMANENT`. */
function neighborLabel([neighbor, ...more]: readonly string[], device: DeviceHop | null): string {
  if (neighbor === undefined) return device?.mode === 'l3' ? pathText.noNeighborL3 : pathText.none;
  const [, end, state] = /lladdr (?:[0-9a-f]{2}:){4}(\S+).*?([A-Z]+)$/.exec(neighbor) ?? [];
  const others = more.length > 0 ? ` +${more.length}` : '';
  return end === undefined ? neighbor : `…${end} ${state}${others}`;
}

export function UplinkBox(props: {
  hop: UplinkHop;
  rates: { packets: EdgeRates; bits: EdgeRates };
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
            <Figure value={rates.bits.egress} unit="bit/s" reason={pathText.needsTwoReadings} />{' '}
            {pathText.egress} ·{' '}
            <Figure value={rates.bits.ingress} unit="bit/s" reason={pathText.needsTwoReadings} />{' '}
            {pathText.ingress}
          </dd>
        </div>
        <div className="flex justify-between gap-3">
          <dt className="code text-muted">{plainAddress(hop.addresses[0]) || pathText.noAddress}</dt>
          <dd title={droppedDetail(hop.rx.dropped, hop.tx.dropped)}>
            {droppedFact(count(hop.rx.dropped + hop.tx.dropped))}
          </dd>
        </div>
      </dl>
    </Box>
  );
}
