import { listDeviceFacts, listRouteFacts } from './device-facts.ts';
import { DeviceEndNames, DeviceShape, HookSymbol } from './device-shape.tsx';
import {
  ContainerHopBox,
  HostHopBox,
  listAddressFacts,
  PathHopFactList,
  UplinkHopBox,
} from './hop-boxes.tsx';
import type { PathLayoutBox } from './horizontal-layout.ts';
import { LiveNumber } from './live-number.tsx';
import { countOtherPodsRows, OtherPodsList } from './other-pods-list.tsx';
import { PacketFlowArrows, PacketFlowLines } from './packet-flow-lines.tsx';
import { computeFlowRates, isSharedPacketFlow } from './packet-flows.ts';
import css from './path.module.css';
import type { PathDiagramData } from './path-diagram-types.ts';
import { formatNetnsName, isEgressHookOnHost } from './path-hops.ts';
import { countProgramsByDirection, ProgramChipStack } from './program-chips.tsx';
import { BoundedRateNumber, HostRouteRateLabel, RedirectRateLabel } from './rates-by-path-labels.tsx';
import { pathText } from './text.ts';
import { computeVerticalPathLayout } from './vertical-layout.ts';

const placed = ({ x, y, width, height }: PathLayoutBox) => ({ left: x, top: y, width, height });

/** Draws a pod's network path from top to bottom, for narrow windows. */
export function VerticalPathDiagram({ view, width: available }: { view: PathDiagramData; width: number }) {
  const { device, host, rates, uplink } = view;
  const programs = countProgramsByDirection(view);
  const rows = countOtherPodsRows(view.pods);
  const facts = [...listDeviceFacts(view), ...listRouteFacts(view)];
  const layout = computeVerticalPathLayout(
    available,
    device?.kind ?? 'veth',
    programs,
    uplink !== null,
    rows,
    {
      atPrimary: isEgressHookOnHost(device),
      addresses: listAddressFacts(view.container).length,
      facts: facts.length,
    },
  );
  const rate = computeFlowRates(view);
  const { width, hooks } = layout;
  const drawn = layout.stretches.filter(({ id }) => device !== null || isSharedPacketFlow(id));
  const place = ({ chips }: typeof hooks.egress) => ({
    left: chips.x,
    top: chips.y,
    width: chips.width,
  });
  return (
    <div className={css.path} data-live={view.live} style={{ width, height: layout.height }}>
      <svg width={width} height={layout.height} viewBox={`0 0 ${width} ${layout.height}`} aria-hidden="true">
        <path className={css.edge} d={`M0 ${layout.edge}H${width}`} />
        {device !== null && <DeviceShape layout={{ ...layout, upright: true }} />}
        <PacketFlowLines stretches={drawn} rates={rate} />
        {device !== null && (
          <>
            <DeviceEndNames layout={{ ...layout, upright: true }} device={device} />
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
      </svg>
      <ContainerHopBox hop={view.container} style={placed(layout.container)} />
      {device === null && (
        <p className={css.zone} style={{ left: 104, top: layout.device.y + 18 }}>
          {pathText.noDevice}
        </p>
      )}
      <ProgramChipStack view={view} direction="egress" style={place(hooks.egress)} />
      <div
        className={`${css.zone} truncate`}
        style={{ left: 104, top: layout.edge - 20, maxWidth: width - 104 }}
      >
        {pathText.podNamespace} <span className="code">{formatNetnsName(view.container.netns)}</span>
      </div>
      <div className={css.zone} style={{ left: 104, top: layout.edge + 4 }}>
        {pathText.hostNamespace}
      </div>
      <div className={css.figures} style={{ left: 84, top: layout.host.y - 24 }}>
        <LiveNumber
          value={view.traffic.hostRouted}
          unit={`${pathText.egressPps},`}
          reason={pathText.noSample}
        />{' '}
        <BoundedRateNumber value={rate['host-ingress']} unit={pathText.ingress} />
      </div>
      {host !== null && <HostHopBox hop={host} device={device} style={placed(layout.host)} />}
      {uplink !== null && layout.uplink !== null && (
        <>
          <div className={css.figures} style={{ left: 84, top: layout.uplink.y - 31 }}>
            <LiveNumber
              value={rate['uplink-egress']?.atMost ?? null}
              unit={`${pathText.egress},`}
              reason={pathText.needsTwoReadings}
            />{' '}
            <LiveNumber
              value={rate['uplink-ingress']?.atMost ?? null}
              unit={pathText.ingress}
              reason={pathText.needsTwoReadings}
            />
            <span className="text-muted"> {pathText.allPods}</span>
          </div>
          <UplinkHopBox hop={uplink} rates={view.uplinkRates} style={placed(layout.uplink)} />
        </>
      )}
      <HostRouteRateLabel view={view} style={{ left: 0, top: layout.pods - 42 }} />
      {device !== null && <RedirectRateLabel view={view} style={{ left: 0, top: layout.pods - 22 }} />}
      <OtherPodsList pods={view.pods} style={{ left: 0, top: layout.pods, width }} />
      <ProgramChipStack view={view} direction="ingress" style={place(hooks.ingress)} />
      <div style={{ left: 0, top: layout.foot, width }}>
        <PathHopFactList align="left" rows={facts} />
      </div>
    </div>
  );
}
