/** What travels over a simulated connection: HTTP/1.1 and WebSocket as messages, without their framing as bytes. */
export type Message =
  | {
      readonly _tag: "Request"
      readonly method: string
      /** Path and query. */
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      /** The whole body; undefined when it follows in chunks up to an `End`. */
      readonly body: Uint8Array<ArrayBuffer> | undefined
      /** Asks for a WebSocket. */
      readonly upgrade: boolean
    }
  | {
      readonly _tag: "Head"
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      /** The one header that may come more than once and must not be joined. */
      readonly setCookies: ReadonlyArray<string>
    }
  | { readonly _tag: "Chunk"; readonly bytes: Uint8Array }
  | { readonly _tag: "End" }
  | { readonly _tag: "Upgraded" }
  | { readonly _tag: "Frame"; readonly data: string | Uint8Array }
  | { readonly _tag: "CloseFrame"; readonly code: number; readonly reason: string }
  /** Bytes that are neither HTTP nor a frame. */
  | { readonly _tag: "Garbage" }

/** About what the head of a request or an answer takes on the wire. */
const headBytes = 200

/** Bytes on the wire, roughly; a character of text counts as one. */
export const sizeOf = (message: Message): number => {
  switch (message._tag) {
    case "Request":
      return headBytes + (message.body?.length ?? 0)
    case "Head":
    case "Upgraded":
    case "Garbage":
      return headBytes
    case "Chunk":
      return message.bytes.length
    case "Frame":
      return message.data.length + 6
    case "End":
    case "CloseFrame":
      return 6
  }
}

/** Characters of a frame that the story shows. */
const frameShown = 60

/** The message in a few words for the story of a run; undefined where it says nothing that others do not. */
export const tell = (message: Message): string | undefined => {
  switch (message._tag) {
    case "Request":
      return `${message.upgrade ? "upgrade" : message.method} ${message.url}`
    case "Head":
      return String(message.status)
    case "Upgraded":
      return "101"
    case "Frame":
      if (typeof message.data !== "string") return `frame of ${message.data.length} bytes`
      return message.data.length > frameShown ? `${message.data.slice(0, frameShown)}..` : message.data
    case "CloseFrame":
      return `close ${message.code} ${message.reason}`.trimEnd()
    case "Garbage":
      return "garbage"
    case "Chunk":
    case "End":
      return undefined
  }
}

/** The message with one byte of its body changed; without a body it is garbage. `choose` gives integers below n. */
export const spoil = (message: Message, choose: (n: number) => number): Message => {
  if (message._tag === "Chunk" && message.bytes.length > 0)
    return { ...message, bytes: spoilBytes(message.bytes, choose) }
  if (message._tag === "Request" && message.body !== undefined && message.body.length > 0) {
    return { ...message, body: spoilBytes(message.body, choose) }
  }
  if (message._tag === "Frame" && message.data.length > 0) {
    const { data } = message
    if (typeof data !== "string") return { ...message, data: spoilBytes(data, choose) }
    const at = choose(data.length)
    return { ...message, data: `${data.slice(0, at)}\u{FFFD}${data.slice(at + 1)}` }
  }
  return { _tag: "Garbage" }
}

const spoilBytes = (bytes: Uint8Array, choose: (n: number) => number): Uint8Array<ArrayBuffer> => {
  const spoilt = new Uint8Array(bytes)
  const at = choose(spoilt.length)
  // Never the same byte: the mask is not 0.
  spoilt[at] = (spoilt[at] ?? 0) ^ (255 - choose(255))
  return spoilt
}
