import { listDeviceFacts, listRouteFacts } from './device-facts.ts';
import { DeviceEndNames, DeviceShape, HookSymbol } from './device-shape.tsx';
import {
  ContainerHopBox,
  HostHopBox,
  listAddressFacts,
  PathHopFactList,
  UplinkHopBox,
} from './hop-boxes.tsx';
import { computeHorizontalPathLayout, type PathLayoutBox } from './horizontal-layout.ts';
import { LiveNumber } from './live-number.tsx';
import { OtherPodsList } from './other-pods-list.tsx';
import { PacketFlowArrows, PacketFlowLines } from './packet-flow-lines.tsx';
import { computeFlowRates, isSharedPacketFlow } from './packet-flows.ts';
import css from './path.module.css';
import type { PathDiagramData } from './path-diagram-types.ts';
import { formatNetnsName, isEgressHookOnHost } from './path-hops.ts';
import { countProgramsByDirection, ProgramChipStack } from './program-chips.tsx';
import { HostRouteRateLabel, RedirectRateLabel } from './rates-by-path-labels.tsx';
import { pathText } from './text.ts';

const placed = ({ x, y, width, height }: PathLayoutBox) => ({ left: x, top: y, width, height });

/** Draws a pod's network path from left to right, for wide windows. */
export function HorizontalPathDiagram({ view, width }: { view: PathDiagramData; width: number }) {
  const { device, host, uplink, rates } = view;
  const programs = countProgramsByDirection(view);
  const facts = { device: listDeviceFacts(view), routes: listRouteFacts(view) };
  const layout = computeHorizontalPathLayout(width, device?.kind ?? 'veth', programs, uplink !== null, {
    atPrimary: isEgressHookOnHost(device),
    addresses: listAddressFacts(view.container).length,
    facts: Math.max(facts.device.length, facts.routes.length),
  });
  const rate = computeFlowRates(view);
  const drawn = layout.stretches.filter(({ id }) => device !== null || isSharedPacketFlow(id));
  const { destinations, tracks, hooks } = layout;
  // In a narrower window the routes take the place of the key.
  const keyed = width >= 1340;
  const beyond = layout.host.x + layout.host.width;
  return (
    <div className={css.path} data-live={view.live} style={{ width, height: layout.height }}>
      <svg width={width} height={layout.height} viewBox={`0 0 ${width} ${layout.height}`} aria-hidden="true">
        <path className={css.edge} d={`M${layout.edge} 0V${layout.height}`} />
        {device !== null && <DeviceShape layout={{ ...layout, upright: false }} />}
        <PacketFlowLines stretches={drawn} rates={rate} />
        {device !== null && (
          <>
            <DeviceEndNames layout={{ ...layout, upright: false }} device={device} />
            <HookSymbol
              place={hooks.egress}
              drops={(rates?.egressDroppedPackets ?? 0) > 0}
              empty={programs.egress === 0}
            />
            <HookSymbol
              place={hooks.ingress}
              drops={(rates?.ingressDroppedPackets ?? 0) > 0}
              empty={programs.ingress === 0}
            />
          </>
        )}
        <PacketFlowArrows stretches={drawn} />
        <path className={css.spine} d={`M${destinations.x} 20V132`} />
      </svg>
      <div className={css.zone} style={{ left: 0, top: 0 }}>
        <b>{pathText.podNamespace}</b>{' '}
        <span className="code" title={view.container.netns}>
          {formatNetnsName(view.container.netns)}
        </span>
      </div>
      <div className={css.zone} style={{ left: layout.edge + 10, top: 0 }}>
        <b>{pathText.hostNamespace}</b>
      </div>
      <div className={css.figures} style={{ left: 0, top: 40 }}>
        <LiveNumber
          value={rates?.egressPackets ?? null}
          unit={pathText.egressPps}
          reason={pathText.noSample}
        />
        , <LiveNumber value={rates?.egressBits ?? null} unit="bit/s" reason={pathText.noSample} />
        <br />
        <LiveNumber
          value={rates?.ingressPackets ?? null}
          unit={pathText.ingressPps}
          reason={pathText.noSample}
        />
        , <LiveNumber value={rates?.ingressBits ?? null} unit="bit/s" reason={pathText.noSample} />
      </div>
      <ContainerHopBox hop={view.container} style={placed(layout.container)} />
      <ProgramChipStack
        view={view}
        direction="egress"
        style={{ left: hooks.egress.chips.x, top: hooks.egress.chips.y, width: 224 }}
      />
      {device === null && (
        <p className={css.zone} style={{ left: 208, top: tracks.egress + 6 }}>
          {pathText.noDevice}
        </p>
      )}
      {host !== null && <HostHopBox hop={host} device={device} style={placed(layout.host)} />}
      {device !== null && (
        <RedirectRateLabel
          view={view}
          style={{ left: layout.labels.redirect.x, top: layout.labels.redirect.y }}
        />
      )}
      <HostRouteRateLabel
        view={view}
        style={{ right: layout.labels.hostRoute.right, top: layout.labels.hostRoute.y }}
      />
      <OtherPodsList
        pods={view.pods}
        style={{ left: destinations.x + 12, top: destinations.podsY, width: destinations.width - 12 }}
      />
      {uplink !== null && (
        <>
          <EdgeFigure
            x={beyond}
            end={destinations.x}
            top={tracks.egress - 22}
            value={rate['uplink-egress']?.atMost ?? null}
          />
          <EdgeFigure
            x={beyond}
            end={destinations.x}
            top={tracks.ingress + 7}
            value={rate['uplink-ingress']?.atMost ?? null}
          />
          <UplinkHopBox hop={uplink} rates={view.uplinkRates} style={placed(destinations.uplink)} />
        </>
      )}
      <ProgramChipStack
        view={view}
        direction="ingress"
        style={{ left: hooks.ingress.chips.x, top: hooks.ingress.chips.y, width: 224 }}
      />
      <div style={{ left: 0, top: layout.foot, width: 408 }}>
        <PathHopFactList align="left" rows={facts.device} />
      </div>
      <div
        style={{ left: layout.routes, top: layout.foot, width: width - layout.routes - (keyed ? 316 : 0) }}
      >
        <PathHopFactList align="left" rows={facts.routes} />
      </div>
      {keyed && <Key style={{ left: destinations.x, top: layout.foot }} />}
    </div>
  );
}

function EdgeFigure({ x, end, top, value }: { x: number; end: number; top: number; value: number | null }) {
  return (
    <div
      className={css.figures}
      style={{ left: x, width: end - x - 16, top, textAlign: 'right' }}
      title={pathText.uplinkTrafficDetail}
    >
      <LiveNumber value={value} unit="pps" reason={pathText.needsTwoReadings} />
    </div>
  );
}

/** Shows the legend of the path diagram's symbols. */
function Key({ style }: { style: { left: number; top: number } }) {
  return (
    <div className={css.key} style={style}>
      <span>
        <svg aria-hidden="true" width="22" height="8" viewBox="0 0 22 8">
          <path className={css.track} d="M0 4h22" strokeWidth="6" />
          <path className={css.leader} d="M0 4h22" />
        </svg>
        {pathText.keyWidth}
      </span>
      <span>
        <svg aria-hidden="true" width="12" height="14" viewBox="0 0 12 14">
          <rect className={css.hook} x="2" y="1" width="7" height="12" />
          <path className={css.hookSlit} d="M5.5 1v4M5.5 9v4" />
        </svg>
        {pathText.keyHook}
      </span>
      <span>
        <svg aria-hidden="true" width="22" height="8" viewBox="0 0 22 8">
          <path className={css.edge} d="M1 4h22" />
        </svg>
        {pathText.keyEdge}
      </span>
      <span>
        <svg aria-hidden="true" width="12" height="10" viewBox="0 0 12 10">
          <path className={css.drop} d="m2 1 8 8m0-8-8 8" />
        </svg>
        {pathText.keyDrops}
      </span>
      <span title={pathText.keyBoundsDetail}>
        <svg aria-hidden="true" width="22" height="8" viewBox="0 0 22 8">
          <path className={css.track} d="M0 4h22" strokeWidth="4" />
        </svg>
        {pathText.keyBounds}
      </span>
    </div>
  );
}
