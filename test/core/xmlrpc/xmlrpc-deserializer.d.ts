/** The reader of the `xmlrpc` package, against which Muster's own is compared. */
declare module "xmlrpc/lib/deserializer.js" {
  import type { Readable } from "node:stream"

  export default class Deserializer {
    deserializeMethodResponse(stream: Readable, callback: (error: unknown, value: unknown) => void): void
    deserializeMethodCall(
      stream: Readable,
      callback: (error: unknown, method: string, params: ReadonlyArray<unknown>) => void
    ): void
  }
}
