/** A console for the commands to talk to: the real API on a real port, over services that a test makes up. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, Layer, Result, type Scope } from "effect"
import { Command } from "effect/cli"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { TestConsole } from "effect/testing"
import { batches } from "../../../runtime/commands/Batches.ts"
import { activity } from "../../../runtime/commands/Activity.ts"
import { login, logout } from "../../../runtime/commands/Login.ts"
import { nodes } from "../../../runtime/commands/Nodes.ts"
import { restart, signal, start, stop } from "../../../runtime/commands/Operate.ts"
import { ps } from "../../../runtime/commands/Ps.ts"
import { tail } from "../../../runtime/commands/Tail.ts"
import { tokens } from "../../../runtime/commands/Tokens.ts"
import { update } from "../../../runtime/commands/Update.ts"
import { users } from "../../../runtime/commands/Users.ts"
import { ExitStatus } from "../../../runtime/ExitStatus.ts"
import * as Output from "../../../runtime/Output.ts"
import * as NodeHttpServer from "../../../runtime/NodeHttpServer.ts"
import * as UsagePresenter from "../../../runtime/UsagePresenter.ts"
import { app } from "../../core/http/FakeServices.ts"
import type { FakeServices } from "../../core/http/FakeServices.ts"

/** What the hub sends on a frame from the client, the first being 0; then, if there is a `close`, it closes. */
export interface FakeHub {
  readonly answers: (frame: unknown, number: number) => ReadonlyArray<unknown>
  readonly close?: { readonly code: number; readonly reason: string }
}

const serveHub = ({ answers, close }: FakeHub) =>
  Effect.gen(function* () {
    const socket = yield* (yield* HttpServerRequest.HttpServerRequest).upgrade
    const reader = yield* socket.reader
    const writer = yield* socket.writer
    yield* writer.write(JSON.stringify({ type: "hello", client: 1, heartbeat_ms: 1 }))
    for (let number = 0; ; number++) {
      const frames = yield* reader.pull
      for (const frame of frames) {
        const sent: unknown = JSON.parse(String(frame))
        for (const answer of answers(sent, number)) yield* writer.write(JSON.stringify(answer))
      }
      if (close !== undefined) yield* writer.write(new Socket.CloseEvent(close.code, close.reason))
    }
  }).pipe(
    Effect.catchTag("SocketError", () => Effect.succeed(HttpServerResponse.empty())),
    Effect.orDie,
    Effect.scoped
  )

/** Serves until the scope ends; gives the URL. */
export const serve = Effect.fnUntraced(function* (
  services: FakeServices,
  hub?: FakeHub
): Effect.fn.Return<string, never, Scope.Scope> {
  const layer = NodeHttpServer.layer({
    host: "127.0.0.1",
    port: 0,
    gracefulShutdownTimeoutMs: 100,
    frameBytesMax: 65_536
  })
  const server = Context.get(yield* Effect.orDie(Layer.build(layer)), HttpServer.HttpServer)
  const api = yield* app(services)
  yield* server.serve(
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
      url === "/api/ws" && hub !== undefined ? serveHub(hub) : api
    )
  )
  return HttpServer.formatAddress(server.address)
})

const command = Command.make("muster").pipe(
  Command.withSubcommands([
    nodes,
    ps,
    start,
    stop,
    restart,
    signal,
    tail,
    update,
    batches,
    login,
    logout,
    users,
    tokens,
    activity
  ])
)

export interface Ran {
  readonly status: number
  /** Lines of stdout. */
  readonly out: ReadonlyArray<string>
  /** Lines of stderr, with what the command says as it ends. */
  readonly err: ReadonlyArray<string>
}

/** Runs `muster` with these arguments in this process, as its user would see it. */
export const muster = (args: ReadonlyArray<string>): Effect.Effect<Ran> =>
  Effect.gen(function* () {
    let text = ""
    const collect = (piece: string) => Effect.sync(() => void (text += piece))
    const ended = yield* Effect.result(Command.runWith(command, { version: "test" })(args)).pipe(
      Effect.provideService(Output.Stdout, collect)
    )
    const lines = (written: ReadonlyArray<unknown>) => written.flatMap((each) => String(each).split("\n"))
    const out = [...lines(yield* TestConsole.logLines), ...(text === "" ? [] : lines([text]))]
    const err = lines(yield* TestConsole.errorLines)
    if (Result.isSuccess(ended)) return { status: 0, out, err }
    if (!(ended.failure instanceof ExitStatus)) return { status: 2, out, err }
    const { message, status } = ended.failure
    return { status, out, err: message === "" ? err : [...err, message] }
  }).pipe(Effect.provide([TestConsole.layer, NodeServices.layer, UsagePresenter.layer]))
