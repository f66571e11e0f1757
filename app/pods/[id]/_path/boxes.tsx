import type { CSSProperties, ReactNode } from 'react';
import { stop } from '../stop.ts';
import { Figure } from './figure.tsx';
import css from './path.module.css';
import type { ContainerHop, DeviceHop, EdgeRates, HostHop, UplinkHop } from './view.ts';

/** A box of the drawing that takes focus and says its name. */
function Box(props: { name: string; style: CSSProperties; children: ReactNode }) {
  return (
    <div className={css.box} {...stop(props.name)} style={props.style}>
      {props.children}
    </div>
  );
}

/** Label and value, one line each; long values are cut and whole in their title. */
export function Facts({ rows, align }: { rows: [string, string | null, string?][]; align?: 'left' }) {
  return (
    <dl className={css.facts} data-align={align}>
      {rows.map(([label, value, reason]) => (
        <div key={label} className="contents">
          <dt>{label}</dt>
          {value === null ? (
            <dd title={reason}>n/a</dd>
          ) : (
            <dd className="code" title={value}>
              {value}
            </dd>
          )}
        </div>
      ))}
    </dl>
  );
}

export function ContainerBox({ hop, style }: { hop: ContainerHop; style: CSSProperties }) {
  return (
    <Box name={`${hop.name}, container`} style={style}>
      <h3 title={hop.name}>
        {hop.name} <span className="font-normal text-muted">container</span>
      </h3>
      <Facts
        rows={[
          ['interface', hop.interface],
          ['address', hop.addresses.join(', ') || 'none'],
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
  const routed = device?.mode === 'l3' ? 'none, netkit L3 has no MAC' : 'none';
  return (
    <Box name="Host stack" style={style}>
      <h3>Host stack</h3>
      <Facts
        align="left"
        rows={[
          ['route', hop.route ?? 'none to this pod'],
          ['neigh', hop.neighbour ?? routed],
          ['forward', `ip_forward ${hop.forwarding ? 1 : 0}, rp_filter ${hop.rpFilter}`],
        ]}
      />
    </Box>
  );
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
      <dl className={css.facts}>
        <dt className="truncate" title="Everything on this interface, all pods of the node together">
          whole node
        </dt>
        <dd>
          <Figure value={rates.bits.out} unit="bit/s" reason={waiting} /> out ·{' '}
          <Figure value={rates.bits.in} unit="bit/s" reason={waiting} /> in
        </dd>
        <dt className="code">{hop.addresses[0] ?? 'no address'}</dt>
        <dd title={`received ${hop.rx.dropped}, sent ${hop.tx.dropped}, since the interface exists`}>
          dropped {hop.rx.dropped + hop.tx.dropped}
        </dd>
      </dl>
    </Box>
  );
}
