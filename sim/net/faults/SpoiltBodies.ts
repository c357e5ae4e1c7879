/**
 * Bodies of answers that go wrong on their way, until the scope closes:
 * - truncated: some of the body, and then the end of the connection, as when the server dies;
 * - trickled: in pieces, with a pause before each;
 * - oversized: with so many bytes more at its end, announced where a length was announced;
 * - malformed: with one byte changed in each chunk.
 */
import { Effect, type Scope } from "effect"
import { RunContext } from "../../RunContext.ts"
import type { Alter, Alteration } from "../Medium.ts"
import type { Message } from "../Message.ts"
import { spoil } from "../Message.ts"
import { Network } from "../Network.ts"
import type { Packet } from "../Packet.ts"

export type Spoilt =
  | { readonly _tag: "truncated" }
  | { readonly _tag: "trickled"; readonly pieceBytes: number; readonly pauseMs: number }
  | { readonly _tag: "oversized"; readonly extraBytes: number }
  | { readonly _tag: "malformed" }

/** `matches` is asked about each message of an answer; who answers is its `from`. */
export const spoiltBodies = (
  spoilt: Spoilt,
  matches: (packet: Packet) => boolean = () => true
): Effect.Effect<void, never, Network | RunContext | Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* RunContext
    const network = yield* Network
    const alteration = alterations(spoilt, (n) => context.choose("faults", n))
    yield* network.alter((packet) => {
      if (!matches(packet)) return undefined
      const altered = alteration(packet)
      // The head only announces what is to come.
      if (altered !== undefined && packet.what !== "Head") {
        context.fault(`network ${spoilt._tag} body`)
        const { from, to } = packet
        context.tell(() => `network: ${spoilt._tag} body ${from} -> ${to}`, { kind: "fault", from, to })
      }
      return altered
    })
  })

const alterations = (spoilt: Spoilt, choose: (n: number) => number): Alter => {
  switch (spoilt._tag) {
    case "truncated":
      return ({ message }) => (message._tag === "Chunk" ? truncate(message.bytes, choose) : undefined)
    case "trickled":
      return ({ message }) => (message._tag === "Chunk" ? trickle(message.bytes, spoilt) : undefined)
    case "oversized":
      return ({ message }) => oversize(message, spoilt.extraBytes)
    case "malformed":
      return ({ message }) => (message._tag === "Chunk" ? instead(spoil(message, choose)) : undefined)
  }
}

const instead = (...messages: ReadonlyArray<Message>): Alteration => ({
  messages: messages.map((message) => ({ message, afterMs: 0 })),
  ends: false
})

/** At least one byte is missing; the dullest is that only one is. */
const truncate = (bytes: Uint8Array, choose: (n: number) => number): Alteration => {
  const kept = bytes.slice(0, Math.max(0, bytes.length - 1 - choose(bytes.length)))
  return { ...instead(...(kept.length === 0 ? [] : [{ _tag: "Chunk", bytes: kept } as const])), ends: true }
}

const trickle = (
  bytes: Uint8Array,
  { pauseMs, pieceBytes }: Extract<Spoilt, { readonly _tag: "trickled" }>
): Alteration => {
  const count = Math.ceil(bytes.length / pieceBytes)
  const pieces = Array.from({ length: count }, (_, i) => bytes.slice(i * pieceBytes, (i + 1) * pieceBytes))
  return {
    messages: pieces.map((piece) => ({ message: { _tag: "Chunk", bytes: piece }, afterMs: pauseMs })),
    ends: false
  }
}

/** Bytes that one chunk of what is too much has; all chunks are the same memory. */
const chunkBytes = 65_536
const blanks = new Uint8Array(chunkBytes).fill(32)

const oversize = (message: Message, extraBytes: number): Alteration | undefined => {
  if (message._tag === "Head") {
    const announced = message.headers["content-length"]
    if (announced === undefined) return undefined
    return instead({
      ...message,
      headers: { ...message.headers, "content-length": String(Number(announced) + extraBytes) }
    })
  }
  if (message._tag !== "End") return undefined
  const count = Math.ceil(extraBytes / chunkBytes)
  const extra = Array.from({ length: count }, (_, i): Message => {
    return { _tag: "Chunk", bytes: blanks.subarray(0, extraBytes - i * chunkBytes) }
  })
  return instead(...extra, message)
}
