/** What travels over a simulated connection: HTTP/1.1 and WebSocket as messages, without their framing as bytes. */
export type Message =
  | {
      readonly _tag: "Request"
      readonly method: string
      /** Path and query. */
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      readonly body: Uint8Array<ArrayBuffer>
      /** Asks for a WebSocket. */
      readonly upgrade: boolean
    }
  | { readonly _tag: "Head"; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly _tag: "Chunk"; readonly bytes: Uint8Array }
  | { readonly _tag: "End" }
  | { readonly _tag: "Upgraded" }
  | { readonly _tag: "Frame"; readonly data: string | Uint8Array }
  | { readonly _tag: "CloseFrame"; readonly code: number; readonly reason: string }
