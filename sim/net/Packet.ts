import type { Message } from "./Message.ts"

/** From which host to which, and the port that the connection was made to. */
export interface Ends {
  readonly from: string
  readonly to: string
  readonly port: number
}

/** What a rule of the network is asked about: a connection attempt, or something that travels over a connection. */
export interface Packet extends Ends {
  readonly kind: "connect" | "message"
  /** The kind of message; `Close` and `Reset` are the end of a connection on its way to the peer. */
  readonly what: "Connect" | Message["_tag"] | "Close" | "Reset"
  readonly message: Message | undefined
}

/** Which packets or links a fault is about. */
export interface Link {
  readonly from: string
  readonly to: string
}

export const describePacket = ({ from, port, to, what }: Packet): string => `${what} ${from} -> ${to} (port ${port})`
