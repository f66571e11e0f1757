import type { ReactNode } from 'react';
import type { PodContainer } from '../../../../contract/container.ts';
import type { Device, DeviceEnd } from '../../../../contract/device.ts';
import type { NeighborEntry, Pod, RouteEntry } from '../../../../contract/pod.ts';
import type { ExtraRoute } from '../../../../contract/pod-network.ts';
import { NetworkStateDetails } from './network-state-details.tsx';
import { sortBySideAndFamily } from './sort-by-side-and-family.ts';
import {
  formatBothDeviceEnds,
  formatContainer,
  formatNamedPort,
  formatNetkitPolicy,
  formatPodNetworkSummary,
  formatPortMapping,
  formatRequestedMtu,
  networkText,
} from './text.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell =
  'h-6 border-line-1 border-b px-2 py-0.5 align-baseline first:pl-0 last:pr-0 [overflow-wrap:anywhere] max-md:px-1';

/** CSS class that hides the address family in narrow windows, where the address itself shows it. */
const family = 'max-md:hidden';
const columnWidths = ['w-16 max-md:w-10', `w-16 ${family}`, '', 'w-40 max-md:w-33', 'w-24 max-md:w-20'];

/** Shows the network settings of a pod's device, and its routes and neighbors as the kernel reports them. */
export function NetworkSection({ pod }: { pod: Pod }) {
  const { routes, neighbors, device } = pod;
  return (
    <section aria-labelledby="network" className="min-w-0 pt-2">
      <div className="flex h-8 items-center gap-3">
        <h2 id="network" className="font-semibold">
          {networkText.title}
        </h2>
        <span className="text-12 text-muted">
          {formatPodNetworkSummary(pod.network.addresses.length, routes.pod.length, routes.host.length)}
        </span>
      </div>
      <dl className="grid grid-cols-[112px_minmax(0,1fr)] gap-y-0.5 border-line-2 border-t py-1.5 text-12 leading-5 max-md:grid-cols-[88px_minmax(0,1fr)]">
        <Fact label={networkText.addresses}>{pod.network.addresses.join(', ')}</Fact>
        <Fact label={networkText.mtu}>{mtuText(pod)}</Fact>
        {device !== null && <DeviceFacts device={device} />}
        {pod.ports.length > 0 && (
          <Fact label={networkText.namedPorts}>{pod.ports.map(formatNamedPort).join(', ')}</Fact>
        )}
        {pod.kubernetes !== null && (
          <Fact label={networkText.kubernetes}>{networkText.describedByCluster(pod.kubernetes.uid)}</Fact>
        )}
        {pod.container !== null && <ContainerFacts container={pod.container} />}
        {pod.network.routes.length > 0 && (
          <Fact label={networkText.extraRoutes}>
            {pod.network.routes.map((route) => (
              <span key={route.destination} className="block">
                {extraText(route)}
              </span>
            ))}
          </Fact>
        )}
      </dl>
      <RoutesTable pod={routes.pod} host={routes.host} />
      <NeighborsTable pod={neighbors.pod} host={neighbors.host} hasMac={device?.primary.mac !== null} />
      {device !== null && <NetworkStateDetails podId={pod.id} />}
    </section>
  );
}

function mtuText({ network, device }: Pod): string {
  const { mtu } = network;
  if (device === null || (device.primary.mtu === mtu && device.peer.mtu === mtu)) return String(mtu);
  return formatRequestedMtu(formatBothDeviceEnds(device.peer.mtu, device.primary.mtu), mtu);
}

const extraText = ({ destination, metric, mtu }: ExtraRoute): string =>
  [
    destination,
    ...(metric === undefined ? [] : [`metric ${metric}`]),
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
  ].join(' ');

function DeviceFacts({ device }: { device: Device }) {
  const { mode, policy, scrub, primary, peer } = device;
  const ends = (of: (end: DeviceEnd) => string) => formatBothDeviceEnds(of(peer), of(primary));
  return (
    <>
      {mode !== null && <Fact label={networkText.mode}>{mode.toUpperCase()}</Fact>}
      {policy !== null && (
        <Fact label={networkText.policy}>
          {formatNetkitPolicy(formatBothDeviceEnds(policy.peer, policy.primary))}
        </Fact>
      )}
      {scrub !== null && (
        <Fact label={networkText.scrub}>{formatBothDeviceEnds(scrub.peer, scrub.primary)}</Fact>
      )}
      <Fact label={networkText.mac}>
        {primary.mac === null && peer.mac === null
          ? networkText.noMac
          : ends(({ mac }) => mac ?? networkText.none)}
      </Fact>
      {primary.altnames.length + peer.altnames.length > 0 && (
        <Fact label={networkText.altnames}>
          {[peer, primary]
            .filter(({ altnames }) => altnames.length > 0)
            .map((end) => `${end.name}: ${end.altnames.join(', ')}`)
            .join('; ')}
        </Fact>
      )}
    </>
  );
}

function ContainerFacts({ container }: { container: PodContainer }) {
  const { portMappings, kindReason } = container;
  return (
    <>
      <Fact label={networkText.container}>{formatContainer(container)}</Fact>
      <Fact label={networkText.deviceKind}>{kindReason}</Fact>
      {portMappings.length > 0 && (
        <Fact label={networkText.publishedPorts}>{portMappings.map(formatPortMapping).join(', ')}</Fact>
      )}
    </>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{label}</dt>
      <dd className="code [overflow-wrap:anywhere]">{children}</dd>
    </>
  );
}

function RoutesTable(props: { pod: readonly RouteEntry[]; host: readonly RouteEntry[] }) {
  return (
    <Table
      caption={networkText.routes}
      columns={[
        networkText.namespace,
        networkText.family,
        networkText.destination,
        networkText.gateway,
        networkText.device,
      ]}
      widths={columnWidths}
    >
      {sortBySideAndFamily(props, ({ destination, text }) =>
        destination === 'default' ? text : destination,
      ).map(({ side, family: each, item }) => (
        <tr key={`${side} ${item.text}`} title={item.text} className="hover:[&>td]:bg-surface-2">
          <td className={`${cell} text-muted`}>{side}</td>
          <td className={`${cell} ${family} text-muted`}>{each}</td>
          <td className={`${cell} code`}>{item.destination}</td>
          <td className={`${cell} code`}>
            {item.gateway ?? <span className="text-muted">{networkText.direct}</span>}
          </td>
          <td className={`${cell} code`}>{item.device ?? ''}</td>
        </tr>
      ))}
    </Table>
  );
}

/** Sorts neighbors by address, because the kernel dumps them in the order of a hash table that changes. */
const byAddress = (a: NeighborEntry, b: NeighborEntry): number =>
  a.address.localeCompare(b.address, 'en', { numeric: true });

function NeighborsTable(props: {
  pod: readonly NeighborEntry[];
  host: readonly NeighborEntry[];
  hasMac: boolean;
}) {
  const rows = sortBySideAndFamily(
    { pod: props.pod.toSorted(byAddress), host: props.host.toSorted(byAddress) },
    ({ address }) => address,
  );
  return (
    <Table
      caption={networkText.neighbors}
      columns={[
        networkText.namespace,
        networkText.family,
        networkText.address,
        networkText.mac,
        networkText.state,
      ]}
      widths={columnWidths}
    >
      {rows.map(({ side, family: each, item }) => (
        <tr key={`${side} ${item.address}`} className="hover:[&>td]:bg-surface-2">
          <td className={`${cell} text-muted`}>{side}</td>
          <td className={`${cell} ${family} text-muted`}>{each}</td>
          <td className={`${cell} code`}>{item.address}</td>
          <td className={`${cell} code`}>
            {item.mac ?? <span className="text-muted">{networkText.none}</span>}
          </td>
          <td className={`${cell} code`}>{item.state}</td>
        </tr>
      ))}
      {rows.length === 0 && (
        <tr>
          <td colSpan={5} className={`${cell} text-12 text-ink-2`}>
            {props.hasMac ? networkText.noNeighbors : networkText.noNeighborsL3}
          </td>
        </tr>
      )}
    </Table>
  );
}

function Table(props: { caption: string; columns: string[]; widths: string[]; children: ReactNode }) {
  return (
    <table className="mt-2 w-full table-fixed border-separate border-spacing-0">
      <caption className="h-6 text-left font-medium text-12 text-ink-2">{props.caption}</caption>
      <thead>
        <tr>
          {props.columns.map((column, index) => (
            <th key={column} scope="col" className={`${head} max-md:px-1 ${props.widths[index]}`}>
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  );
}
