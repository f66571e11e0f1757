import type { CSSProperties, ReactNode } from 'react';
import { isIpv6 } from '../../../../contract/cidr.ts';
import { count } from '../../../_lib/format.ts';
import { plainAddress, splitName } from '../../../_lib/pod-queries.ts';
import { focusableRegion } from '../focusable-region.ts';
import { Figure } from './figure.tsx';
import css from './path.module.css';
import type { ContainerHop, DeviceHop, EdgeRates, HostHop, UplinkHop } from './path-view.ts';

/** A box of the drawing that takes focus and says its name. */
function Box(props: { name: string; style: CSSProperties; children: ReactNode }) {
  return (
    <div className={css.box} {...focusableRegion(props.name)} style={props.style}>
      {props.children}
    </div>
  );
}

/** Label, value, and the whole of it where the value is a part. */
export type FactRow = [label: string, value: string, whole?: string];

/** Label and value, one line each; what is cut is whole in its title. */
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

/** The first address of each family, and how many more of it there are. */
export function addressLines({ addresses }: Pick<ContainerHop, 'addresses'>): FactRow[] {
  const families = [addresses.filter((each) => !isIpv6(each)), addresses.filter(isIpv6)];
  const lines = families
    .filter((all) => all.length > 0)
    .map((all, index): FactRow => {
      const more = all.length > 1 ? ` +${all.length - 1}` : '';
      return [index === 0 ? 'address' : '', `${plainAddress(all[0])}${more}`, all.join('\n')];
    });
  return lines.length > 0 ? lines : [['address', 'none']];
}

export function ContainerBox({ hop, style }: { hop: ContainerHop; style: CSSProperties }) {
  return (
    <Box name={`${hop.name}, container`} style={style}>
      <h3 title={hop.name}>
        {splitName(hop.name)[0]} <span className="font-normal text-muted">container</span>
      </h3>
      <Facts
        rows={[
          ['interface', hop.interface],
          ...addressLines(hop),
          ['ifindex', String(hop.ifindex)],
          ['MTU', String(hop.mtu)],
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
    <Box name="Host stack" style={style}>
      <h3>Host stack</h3>
      <Facts
        align="left"
        rows={[
          [
            'route',
            viaOf(hop.defaultRoutes),
            hop.defaultRoutes.join('\n') || 'The host has no default route',
          ],
          [
            'neigh',
            neighbourOf(hop.neighbours, device),
            hop.neighbours.join('\n') || 'The host has no neighbour for the pod',
          ],
          ['forward', `${hop.forwarding ? 'on' : 'off'}, rp_filter ${hop.rpFilter}`],
        ]}
      />
    </Box>
  );
}

/** Where the host sends what is not for this node: `via 192.168.40.1`. */
const viaOf = ([route]: readonly string[]): string =>
  route === undefined ? 'no default route' : (/via \S+/.exec(route)?.[0] ?? route);

/** The pod's neighbour on the host, its address cut to the end that differs: `…01:41 PERMANENT`. */
function neighbourOf([neighbour, ...more]: readonly string[], device: DeviceHop | null): string {
  if (neighbour === undefined) return device?.mode === 'l3' ? 'none, L3' : 'none';
  const [, end, state] = /lladdr (?:[0-9a-f]{2}:){4}(\S+).*?([A-Z]+)$/.exec(neighbour) ?? [];
  const others = more.length > 0 ? ` +${more.length}` : '';
  return end === undefined ? neighbour : `…${end} ${state}${others}`;
}

export function UplinkBox(props: {
  hop: UplinkHop;
  rates: { packets: EdgeRates; bits: EdgeRates };
  style: CSSProperties;
}) {
  const { hop, rates } = props;
  const waiting = 'Two readings of the interface are needed';
  return (
    <Box name={`${hop.name}, uplink`} style={props.style}>
      <div className="flex justify-between gap-3">
        <h3>
          <span className="code">{hop.name}</span> <span className="font-normal text-muted">uplink</span>
        </h3>
        <span className="text-12 text-muted">MTU {hop.mtu}</span>
      </div>
      <dl className="text-12 text-ink-2 leading-[18px] tabular-nums">
        <div className="flex justify-between gap-3" title="Everything on this interface, all pods together">
          <dt className="text-muted">node</dt>
          <dd className="whitespace-nowrap">
            <Figure value={rates.bits.egress} unit="bit/s" reason={waiting} /> out ·{' '}
            <Figure value={rates.bits.ingress} unit="bit/s" reason={waiting} /> in
          </dd>
        </div>
        <div className="flex justify-between gap-3">
          <dt className="code text-muted">{plainAddress(hop.addresses[0]) || 'no address'}</dt>
          <dd title={`received ${hop.rx.dropped}, sent ${hop.tx.dropped}, since the interface exists`}>
            dropped {count(hop.rx.dropped + hop.tx.dropped)}
          </dd>
        </div>
      </dl>
    </Box>
  );
}
