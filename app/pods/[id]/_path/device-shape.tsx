import type { HookPosition, HorizontalPathLayout } from './horizontal-layout.ts';
import css from './path.module.css';
import type { DeviceHop } from './path-hops.ts';
import { buildTwistedWirePath, hookSymbolSize } from './svg-shapes.ts';
import { pathText } from './text.ts';
import type { VerticalPathLayout } from './vertical-layout.ts';

type Layout = (HorizontalPathLayout & { upright: false }) | (VerticalPathLayout & { upright: true });

/** Draws a device: netkit as one round lane, veth as two square boxes on a cable. */
export function DeviceShape({ layout }: { layout: Layout }) {
  const { device, veth, upright } = layout;
  if (veth === null)
    return <rect className={css.lane} {...box(device)} rx={Math.min(device.width, device.height) / 2} />;
  const { from, to, middle } = veth.cable;
  const sheath = upright ? `M${middle} ${from}V${to}` : `M${from} ${middle}H${to}`;
  const plug = (at: number) =>
    upright
      ? { x: middle - 22, y: at, width: 44, height: 12 }
      : { x: at, y: middle - 22, width: 12, height: 44 };
  return (
    <>
      <rect className={css.end} {...box(veth.peer)} rx={2} />
      <rect className={css.end} {...box(veth.primary)} rx={2} />
      <path className={css.sheath} d={sheath} strokeWidth={34} />
      <path className={css.track} d={buildTwistedWirePath(from, to, middle, 1, upright)} strokeWidth={5} />
      <path
        className={css.flow}
        data-direction="ingress"
        d={buildTwistedWirePath(from, to, middle, 1, upright)}
        strokeWidth={2.4}
      />
      <path className={css.track} d={buildTwistedWirePath(from, to, middle, -1, upright)} strokeWidth={5} />
      <path
        className={css.flow}
        data-direction="egress"
        d={buildTwistedWirePath(from, to, middle, -1, upright)}
        strokeWidth={2.4}
      />
      <rect className={css.plug} {...plug(from - 12)} rx={1} />
      <rect className={css.plug} {...plug(to)} rx={1} />
    </>
  );
}

const box = ({ x, y, width, height }: { x: number; y: number; width: number; height: number }) => ({
  x,
  y,
  width,
  height,
});

/** Writes the names and indexes of both device ends beside or inside the device's shape. */
export function DeviceEndNames({ layout, device }: { layout: Layout; device: DeviceHop }) {
  const { primary, peer } = device;
  if (layout.upright) return <UprightNames layout={layout} device={device} />;
  const middle = layout.tracks.egress + 18;
  if (layout.veth === null) {
    // In attach fallback both hooks are at the primary, and the names are to their left.
    const right = (layout.hooks.egress.x > layout.edge ? layout.hooks.egress.x : layout.hooks.ingress.x) - 16;
    const roomy = right - 276 > 270;
    return (
      <>
        <Name
          x={276}
          y={middle}
          anchor="start"
          word={`${peer.name} peer`}
          index={roomy ? peer.ifindex : null}
        />
        <Name
          x={right}
          y={middle}
          anchor="end"
          word={`${primary.name} primary`}
          index={roomy ? primary.ifindex : null}
        />
      </>
    );
  }
  const under = layout.device.y + 76;
  const tight = layout.hooks.ingress.x - layout.hooks.egress.x < 60;
  return (
    <>
      <text className={css.label} x={254} y={middle} textAnchor="middle">
        {peer.name} peer
      </text>
      <text className={css.number} x={208} y={under}>
        {peer.mac ?? peer.ifindex}
      </text>
      {!tight && (
        <text className={css.label} x={layout.hooks.egress.x + 13} y={middle}>
          {primary.name}
        </text>
      )}
      <Name
        x={484}
        y={under}
        anchor="start"
        word={tight ? `${primary.name} primary` : 'primary'}
        index={tight ? null : primary.ifindex}
      />
      <text className={css.noteHead} x={414} y={layout.device.y - 31} textAnchor="end">
        {pathText.l2Step}
      </text>
      <text className={css.note} x={414} y={layout.device.y - 16} textAnchor="end">
        {pathText.l2StepDetail}
      </text>
      <path className={css.bracket} d={`M312 ${layout.device.y + 2}v-7H468v7`} />
    </>
  );
}

function UprightNames({ layout, device }: { layout: VerticalPathLayout; device: DeviceHop }) {
  const { primary, peer } = device;
  // Program chips run along the whole netkit lane: the names are at the namespace edge.
  const peerY = layout.veth === null ? layout.edge - 30 : layout.device.y + 24;
  // Beside the text “Host namespace” where chips begin right below it, else under it.
  const host =
    layout.hooks.egress.y > layout.edge ? { x: 206, y: layout.edge + 15 } : { x: 104, y: layout.edge + 42 };
  return (
    <>
      <Name x={104} y={peerY} anchor="start" word={`${peer.name} peer`} index={peer.ifindex} />
      <Name {...host} anchor="start" word={`${primary.name} primary`} index={primary.ifindex} />
      {layout.veth !== null && (
        <>
          <text className={css.noteHead} x={104} y={layout.device.y + 68}>
            {pathText.l2Step}
          </text>
          <text className={css.note} x={104} y={layout.device.y + 84}>
            {pathText.l2StepDetail}
          </text>
        </>
      )}
    </>
  );
}

function Name(props: { x: number; y: number; anchor: 'start' | 'end'; word: string; index: number | null }) {
  const { x, y, anchor, word, index } = props;
  return (
    <text x={x} y={y} textAnchor={anchor}>
      <tspan className={css.label}>{word}</tspan>
      {index !== null && (
        <tspan className={css.number} dx={5}>
          {index}
        </tspan>
      )}
    </text>
  );
}

/** Draws a hook in the path diagram, its connection to its program chips, and a cross if its programs drop packets. */
export function HookSymbol({ place, drops, empty }: { place: HookPosition; drops: boolean; empty: boolean }) {
  const { x, y, upright } = place;
  const [width, height] = upright
    ? [hookSymbolSize.along, hookSymbolSize.across]
    : [hookSymbolSize.across, hookSymbolSize.along];
  const slit = upright ? `M${x - 13} ${y}h7M${x + 6} ${y}h7` : `M${x} ${y - 13}v7M${x} ${y + 6}v7`;
  return (
    <>
      {!empty && <path className={css.leader} d={place.leader} />}
      <rect
        className={css.hook}
        data-empty={empty || undefined}
        x={x - width / 2}
        y={y - height / 2}
        width={width}
        height={height}
        rx={1}
      />
      <path className={css.hookSlit} d={slit} />
      {drops && <path className={css.drop} d={place.drop} />}
    </>
  );
}
