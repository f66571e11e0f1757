import { nlmsgFlags, rtmTypes } from '../../netlink/message-constants.ts';
import {
  buildRawRequest,
  copyRawObject,
  encodeRawAttributes,
  getRawAttribute,
  getRawNested,
  mapRawAttribute,
  parseRawAttributes,
  type RawAttribute,
  rawString,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';

/** Attribute TCA_ACT_TAB of struct tcamsg (4 bytes), and attributes TCA_ACT_* of an action, <linux/pkt_cls.h>. */
const tableAttribute = 1;
const tcamsgBytes = 4;
const act = { kind: 1, options: 2, cookie: 6, flags: 7, hardware: 8 } as const;
/** Attribute TCA_MIRRED_PARMS with struct tc_mirred, <linux/tc_act/tc_mirred.h>. */
const parameters = 2;
const tcMirred = { bytes: 28, index: 0, eaction: 20, ifindex: 24 } as const;
const nested = 0x8000;
const settable = new Set<number>([act.kind, act.options, act.cookie, act.flags, act.hardware]);

/** Action `mirred` of traffic control, which sends packets of some interface to another one. */
export interface MirredAction {
  /** Number by which filters share the action, unique in its namespace. */
  index: number;
  /** Interface that gets the packets; 0 if it is gone. */
  ifindex: number;
  /** TCA_EGRESS_REDIR 1, TCA_EGRESS_MIRROR 2, TCA_INGRESS_REDIR 3, TCA_INGRESS_MIRROR 4. */
  action: number;
  attributes: readonly RawAttribute[];
}

/** Lists the actions of a namespace that send packets to another interface. */
export async function listMirredActions(socket: NetlinkSocket): Promise<MirredAction[]> {
  const messages = await socket.dump(
    {
      operation: 'dump actions mirred',
      type: rtmTypes.getAction,
      encode: (message) => {
        message.bytes(Buffer.alloc(tcamsgBytes));
        message.attributeBytes(
          tableAttribute | nested,
          encodeRawAttributes([
            {
              type: 1 | nested,
              value: encodeRawAttributes([{ type: act.kind, value: rawString('mirred') }]),
            },
          ]),
        );
      },
    },
    (message) => copyRawObject(message, tcamsgBytes),
  );
  return messages.flatMap((message) => getRawNested(message, tableAttribute).flatMap(parseAction));
}

function parseAction({ value }: RawAttribute): MirredAction[] {
  const attributes = parseRawAttributes(value);
  const options = { attributes: getRawNested({ attributes }, act.options) };
  const mirred = getRawAttribute(options, parameters);
  if (mirred === null || mirred.length < tcMirred.bytes) return [];
  return [
    {
      index: mirred.readUInt32LE(tcMirred.index),
      ifindex: mirred.readUInt32LE(tcMirred.ifindex),
      action: mirred.readInt32LE(tcMirred.eaction),
      attributes,
    },
  ];
}

/**
 * Makes all actions that send packets to one interface send them to another one. Each is replaced where it is, so the
 * filters that share it, of whatever interface, go on. Idempotent.
 * @returns the actions that were moved
 */
export async function moveMirredActions(
  socket: NetlinkSocket,
  from: number,
  to: number,
): Promise<MirredAction[]> {
  const moved = (await listMirredActions(socket)).filter(({ ifindex }) => ifindex === from);
  if (moved.length > 0) await socket.batch(moved.map((action) => buildActionRequest(action, to)));
  return moved;
}

/** Makes recorded actions send packets to an interface again, where the one that they were moved to is gone. */
export async function restoreMirredActions(
  socket: NetlinkSocket,
  recorded: readonly MirredAction[],
  to: number,
): Promise<void> {
  if (recorded.length === 0) return;
  const without = new Set(
    (await listMirredActions(socket)).filter(({ ifindex }) => ifindex === 0).map(({ index }) => index),
  );
  await socket.batch(
    recorded.filter(({ index }) => without.has(index)).map((action) => buildActionRequest(action, to)),
  );
}

function buildActionRequest({ index, attributes }: MirredAction, ifindex: number): NetlinkRequest {
  const options = {
    messageType: 0,
    body: Buffer.alloc(0),
    attributes: getRawNested({ attributes }, act.options),
  };
  const changed = mapRawAttribute(options, parameters, (value) => {
    const mirred = Buffer.from(value);
    mirred.writeUInt32LE(ifindex, tcMirred.ifindex);
    return mirred;
  });
  const parameter = changed.attributes.filter(({ type }) => (type & 0x3fff) === parameters);
  const wanted = attributes
    .filter(({ type }) => settable.has(type & 0x3fff))
    .map((each) =>
      (each.type & 0x3fff) === act.options
        ? { type: act.options | nested, value: encodeRawAttributes(parameter) }
        : each,
    );
  return buildRawRequest(
    `point action mirred index ${index} to ifindex ${ifindex}`,
    rtmTypes.newAction,
    nlmsgFlags.create | nlmsgFlags.replace,
    {
      body: Buffer.alloc(tcamsgBytes),
      attributes: [
        {
          type: tableAttribute | nested,
          value: encodeRawAttributes([{ type: 1 | nested, value: encodeRawAttributes(wanted) }]),
        },
      ],
    },
  );
}
