/** One fake supervisord: a server of raw HTTP on a port of the loopback that answers well, or badly in its own way. */
import { createServer, type Server, type Socket } from "node:net"
import { decodeCall } from "../core/xmlrpc/XmlRpc.ts"
import { writeFault, writeReply } from "../scenarios/peers/SupervisordXml.ts"
import { FakeProcesses } from "./FakeProcesses.ts"
import type { NodeMode } from "./FakeNodeMode.ts"

export interface FakeNodeOptions {
  readonly mode: NodeMode
  readonly processes: number
  readonly pidFirst: number
  /** A process changes its state once in so many polls. */
  readonly changeEveryPolls: number
  /** Of the supervisord that it says it is. */
  readonly identifier: string
}

const gigabyte = 1_073_741_824
const slowMs = { least: 3_000, spread: 1_000 } as const
const trickleMs = 500
const chunk = Buffer.alloc(65_536, "x")

export class FakeNode {
  /** When each poll of all processes came, in milliseconds of `performance.now`. */
  readonly polledAtMs: Array<number> = []
  readonly options: FakeNodeOptions
  readonly #processes: FakeProcesses
  #polls = 0
  #requests = 0

  constructor(options: FakeNodeOptions) {
    this.options = options
    this.#processes = new FakeProcesses(options.processes, options.pidFirst, nowSeconds())
  }

  /** Listens; gives the server once it does, undefined for a dead node. Fails when the port is taken. */
  async listen(port: number): Promise<Server | undefined> {
    if (this.options.mode === "dead") return undefined
    const server = createServer((socket) => this.#serve(socket))
    const { promise, reject, resolve } = Promise.withResolvers<void>()
    server.once("error", reject)
    server.listen(port, "127.0.0.1", resolve)
    await promise
    return server
  }

  #serve(socket: Socket): void {
    let pending = ""
    // Resets by the other side are what some modes provoke.
    socket.on("error", () => socket.destroy())
    socket.setEncoding("latin1").on("data", (text: string) => {
      pending += text
      for (let request = take(pending); request !== undefined; request = take(pending)) {
        pending = pending.slice(request.length)
        this.#answer(socket, request)
      }
    })
  }

  #answer(socket: Socket, { body, isLast }: Request): void {
    const text = this.#reply(body)
    const isOdd = this.#requests++ % 2 === 1
    const whole = () => {
      if (socket.destroyed) return
      socket.write(head(text.length, isLast) + text, "latin1")
      if (isLast) socket.end()
    }
    switch (this.options.mode) {
      case "good":
      case "dead":
        return whole()
      case "slow":
        return void setTimeout(whole, slowMs.least + ((this.#requests * 137) % slowMs.spread))
      case "hanging":
        return
      case "trickling":
        return trickle(socket, head(text.length, isLast) + text)
      case "resetting":
        return isOdd ? halfThenReset(socket, head(text.length, isLast) + text) : void socket.resetAndDestroy()
      case "lying":
        return void socket.end(head(isOdd ? text.length + 100 : text.length - 100, isLast) + text, "latin1")
      case "huge":
        return pour(socket, isOdd)
      case "invalid":
        return void socket.end(head(text.length >> 1, true) + text.slice(0, text.length >> 1), "latin1")
    }
  }

  #reply(body: string): string {
    const now = nowSeconds()
    if (body.includes("<methodName>supervisor.getAllProcessInfo</methodName>")) {
      this.polledAtMs.push(performance.now())
      if (++this.#polls % this.options.changeEveryPolls === 0) this.#processes.changeNext(now)
      return this.#processes.all(now)
    }
    const call = decodeCall(body)
    if (call._tag === "Failure") return writeFault(1, "UNKNOWN_METHOD")
    const { method, params } = call.success
    const [id] = params
    return this.#call(method, typeof id === "string" ? id : "", now)
  }

  #call(method: string, id: string, now: number): string {
    const badName = writeFault(10, `BAD_NAME: ${id}`)
    const done = (isDone: boolean | undefined, refused: string) =>
      isDone === undefined ? badName : isDone ? (writeReply(true) ?? "") : refused
    switch (method) {
      case "supervisor.getProcessInfo":
        return this.#processes.one(id, now) ?? badName
      case "supervisor.getAllConfigInfo":
        return this.#processes.configs()
      case "supervisor.startProcess":
        return done(this.#processes.set(id, true, now), writeFault(60, `ALREADY_STARTED: ${id}`))
      case "supervisor.stopProcess":
        return done(this.#processes.set(id, false, now), writeFault(70, `NOT_RUNNING: ${id}`))
      default:
        return this.#fixed(method)
    }
  }

  /** What never changes. */
  #fixed(method: string): string {
    const values: Readonly<Record<string, Parameters<typeof writeReply>[0]>> = {
      "supervisor.getAPIVersion": "3.0",
      "supervisor.getSupervisorVersion": "4.2.5",
      "supervisor.getIdentification": this.options.identifier,
      "supervisor.getPID": this.options.pidFirst - 1,
      "supervisor.getState": { statecode: 1, statename: "RUNNING" }
    }
    const value = values[method]
    return value === undefined ? writeFault(1, "UNKNOWN_METHOD") : (writeReply(value) ?? "")
  }
}

const nowSeconds = (): number => Math.floor(Date.now() / 1_000)

interface Request {
  readonly body: string
  readonly length: number
  /** The caller wants the connection closed after the answer. */
  readonly isLast: boolean
}

/** The first request of what came, once it is whole. */
const take = (text: string): Request | undefined => {
  const headEnd = text.indexOf("\r\n\r\n")
  if (headEnd < 0) return undefined
  const top = text.slice(0, headEnd)
  const length = headEnd + 4 + Number(/^content-length: *(\d+)/im.exec(top)?.[1] ?? 0)
  if (text.length < length) return undefined
  return { body: text.slice(headEnd + 4, length), length, isLast: /^connection: *close/im.test(top) }
}

const head = (bytes: number, isLast: boolean): string =>
  `HTTP/1.1 200 OK\r\nServer: Medusa/1.12\r\nContent-Type: text/xml\r\nContent-Length: ${bytes}\r\n` +
  `${isLast ? "Connection: close\r\n" : ""}\r\n`

const trickle = (socket: Socket, text: string): void => {
  let sent = 0
  const timer = setInterval(() => {
    if (socket.destroyed || sent >= text.length) return clearInterval(timer)
    socket.write(text.slice(sent, ++sent), "latin1")
  }, trickleMs)
}

const halfThenReset = (socket: Socket, text: string): void => {
  // A reset destroys what its receiver has not read yet.
  socket.write(text.slice(0, text.length >> 1), "latin1", () => setTimeout(() => socket.resetAndDestroy(), 50))
}

/** As much as the other side reads, up to a gigabyte. */
const pour = (socket: Socket, isAnnounced: boolean): void => {
  const length = isAnnounced ? `Content-Length: ${gigabyte}` : "Transfer-Encoding: chunked"
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n${length}\r\n\r\n`)
  let sent = 0
  const more = (): void => {
    let hasRoom = true
    while (hasRoom && sent < gigabyte && !socket.destroyed) {
      sent += chunk.length
      if (!isAnnounced) socket.write(`${chunk.length.toString(16)}\r\n`)
      hasRoom = socket.write(chunk)
      if (!isAnnounced) hasRoom = socket.write("\r\n")
    }
    if (sent >= gigabyte && !socket.destroyed) socket.end(isAnnounced ? "" : "0\r\n\r\n")
  }
  socket.on("drain", more)
  more()
}
