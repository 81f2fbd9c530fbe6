/**
 * Envelopes as they lie in a lane: flat, since channels write records of few shapes whose fields are plain values by
 * compiled code (channels/frame-codegen.ts), and anything nested value by value. A message then takes a third of the
 * time. What it carries is left as it is.
 */

import type { ActorRef, AskAddress } from '../../actors/actor-context.js';
import type { AskOutcome } from '../../actors/node/ask-table.js';
import type { ActorCommand } from '../../actors/node/command.js';
import type { Envelope } from '../../actors/node/world.js';

interface FlatMessage {
  readonly actor: string;
  readonly path: string;
  readonly incarnation: number;
  readonly handler: string;
  readonly message: unknown;
  readonly fromActor?: string;
  readonly fromPath?: string;
  readonly fromIncarnation?: number;
  readonly askNode?: number;
  readonly askId?: number;
  readonly counts?: false;
}

/** Each has one of four fields that the others lack, by which it is known. */
export type LaneRecord =
  | FlatMessage
  | { readonly answer: unknown; readonly askNode: number; readonly askId: number }
  | { readonly failure: object; readonly askNode: number; readonly askId: number }
  | { readonly command: ActorCommand; readonly askNode: number; readonly askId: number }
  /** Any other envelope, as it is. */
  | { readonly envelope: Envelope };

export function packed(envelope: Envelope): LaneRecord {
  switch (envelope.kind) {
    case 'message':
      return packedMessage(envelope);
    case 'answer': {
      const { outcome, ask } = envelope;
      const { node, id } = ask;
      return outcome.ok
        ? { answer: outcome.value, askNode: node, askId: id }
        : { failure: outcome.failure, askNode: node, askId: id };
    }
    case 'command': {
      const { command, ask } = envelope;
      return { command, askNode: ask.node, askId: ask.id };
    }
    default:
      return { envelope };
  }
}

export function unpacked(record: LaneRecord): Envelope {
  if ('path' in record) return unpackedMessage(record);
  if ('envelope' in record) return record.envelope;
  const ask = { node: record.askNode, id: record.askId };
  if ('command' in record) return { kind: 'command', command: record.command, ask };
  const outcome =
    'answer' in record
      ? { ok: true, value: record.answer }
      : { ok: false, failure: record.failure };
  return { kind: 'answer', ask, outcome: outcome as AskOutcome };
}

function packedMessage(envelope: Envelope & { readonly kind: 'message' }): FlatMessage {
  const { to, handler, message, sender, ask, counts } = envelope;
  const { actor, path, incarnation } = to;
  if (counts === false) {
    return { actor, path, incarnation, handler, message, ...from(sender), ...asks(ask), counts };
  }
  if (ask !== undefined) {
    return { actor, path, incarnation, handler, message, ...from(sender), ...asks(ask) };
  }
  if (sender === undefined) return { actor, path, incarnation, handler, message };
  return {
    actor,
    path,
    incarnation,
    handler,
    message,
    fromActor: sender.actor,
    fromPath: sender.path,
    fromIncarnation: sender.incarnation,
  };
}

function from(sender: ActorRef | undefined) {
  if (sender === undefined) return undefined;
  const { actor, path, incarnation } = sender;
  return { fromActor: actor, fromPath: path, fromIncarnation: incarnation };
}

function asks(ask: AskAddress | undefined) {
  return ask === undefined ? undefined : { askNode: ask.node, askId: ask.id };
}

function unpackedMessage(record: FlatMessage): Envelope {
  const { actor, path, incarnation, handler, message, askId } = record;
  return {
    kind: 'message',
    to: { actor, path, incarnation },
    handler,
    message,
    sender: sender(record),
    ask: askId === undefined ? undefined : { node: record.askNode!, id: askId },
    counts: record.counts,
  };
}

/** Frozen, as references are that actors pass on. */
function sender({ fromActor, fromPath, fromIncarnation }: FlatMessage): ActorRef | undefined {
  if (fromPath === undefined) return undefined;
  return Object.freeze({
    actor: fromActor!,
    path: fromPath,
    incarnation: fromIncarnation!,
  });
}
