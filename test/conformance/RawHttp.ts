/**
 * One HTTP exchange over a socket, read no further than its own length says: supervisord sends bytes beyond that, which
 * HTTP clients take for an error.
 */
import { Effect } from "effect"
import { connect } from "node:net"
import type { Request, Response } from "./Peer.ts"

const headEnd = "\r\n\r\n"

/** Sends the request to a port of this machine; undefined when no reply came. */
export const send = (port: number, request: Request, authorization: string): Effect.Effect<Response | undefined> =>
  Effect.callback((resume) => {
    const { body, bytesMax = Infinity, method, path } = request
    const lines = [
      `${method} ${path} HTTP/1.1`,
      "Host: node",
      ...(authorization === "" ? [] : [`Authorization: ${authorization}`]),
      ...(body === undefined ? [] : ["Content-Type: text/xml", `Content-Length: ${Buffer.byteLength(body)}`])
    ]
    let received: Buffer = Buffer.alloc(0)
    const socket = connect(port, "127.0.0.1", () => socket.write(lines.join("\r\n") + headEnd + (body ?? "")))
    const finish = (response: Response | undefined) => {
      socket.destroy()
      resume(Effect.succeed(response))
    }
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes])
      const read = parse(received)
      if (read !== undefined && (read.isComplete || read.response.body.length >= bytesMax)) finish(read.response)
    })
    socket.on("error", () => finish(parse(received)?.response))
    socket.on("close", () => finish(parse(received)?.response))
    return Effect.sync(() => socket.destroy())
  })

/** What there is of a reply; undefined before the end of its head. */
const parse = (bytes: Buffer): { readonly response: Response; readonly isComplete: boolean } | undefined => {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return undefined
  const head = bytes.subarray(0, end).toString("latin1")
  const header = (name: string) => new RegExp(`^${name}: *(.*)$`, "im").exec(head)?.[1]?.trim()
  const status = Number(head.split(" ")[1])
  const type = header("content-type") ?? ""
  const rest = bytes.subarray(end + headEnd.length)
  if (header("transfer-encoding") === "chunked") {
    const { body, isComplete } = dechunk(rest)
    return { response: { status, type, body }, isComplete }
  }
  const length = Number(header("content-length") ?? Number.NaN)
  const body = Number.isNaN(length) ? rest : rest.subarray(0, length)
  return { response: { status, type, body: new Uint8Array(body) }, isComplete: body.length === length }
}

const dechunk = (bytes: Buffer): { readonly body: Uint8Array; readonly isComplete: boolean } => {
  const chunks: Array<Buffer> = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at)
    if (lineEnd < 0) break
    const size = parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16)
    if (size === 0) return { body: new Uint8Array(Buffer.concat(chunks)), isComplete: true }
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
  return { body: new Uint8Array(Buffer.concat(chunks)), isComplete: false }
}
