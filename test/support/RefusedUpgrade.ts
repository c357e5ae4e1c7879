/** A request for a WebSocket that the console must refuse: its answer by HTTP, which `fetch` and `ws` do not give. */
import { request as httpRequest } from "node:http"
import { Effect } from "effect"
import type { Answer } from "./RealConsole.ts"
import { NotReceived } from "./WsClient.ts"

const headers = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="
}

/**
 * Fails when it was upgraded after all, or when the answer does not say that the connection ends: the next request
 * would be sent on it.
 */
export const refusedUpgrade = (url: string) =>
  Effect.callback<Answer, NotReceived>((resume) => {
    const request = httpRequest(url, { headers }, (response) => {
      if (response.headers.connection !== "close") {
        return resume(Effect.fail(new NotReceived({ message: `connection: ${response.headers.connection}` })))
      }
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
      response.on("end", () => {
        const body: unknown = JSON.parse(text)
        resume(Effect.succeed({ status: response.statusCode ?? 0, body }))
      })
    })
    request.on("upgrade", (_, socket) => {
      socket.destroy()
      resume(Effect.fail(new NotReceived({ message: "it was upgraded" })))
    })
    request.on("error", (error) => resume(Effect.fail(new NotReceived({ message: error.message }))))
    request.end()
    return Effect.sync(() => request.destroy())
  }).pipe(Effect.timeout("10 seconds"))
