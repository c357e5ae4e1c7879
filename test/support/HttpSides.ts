/** The surroundings in which HTTP and WebSockets are tested twice: simulated, and over the loopback of this machine. */
import type { Effect, Scope } from "effect"
import type { HttpClient, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Socket } from "effect/socket"

export type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  unknown,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** What a server does that keeps no protocol, once it has got a request. */
export type Misbehaviour =
  | { readonly _tag: "silence" }
  /** Something that is no HTTP. */
  | { readonly _tag: "garbage" }
  /** Nothing, or part of an answer, and then the end of the connection. */
  | { readonly _tag: "end"; readonly by: "close" | "reset"; readonly after: "nothing" | "part" }

/** The bytes of the body that a `part` has, of `announcedBytes`. */
export const part = "half of it"
export const announcedBytes = 20

export interface Peer {
  /** Ends without a slash. */
  readonly url: string
  /** Completes when a client has gone away from it. */
  readonly left: Effect.Effect<void>
}

/** One end of a WebSocket, as a client has it. */
export interface Dialled {
  readonly socket: Socket.Socket
  /** Breaks the connection off without a close frame. */
  readonly lose: Effect.Effect<void>
}

export interface HttpSides {
  readonly client: HttpClient.HttpClient
  /** Serves the app until the scope closes; gives its URL, without a slash at the end. */
  readonly serve: (app: App) => Effect.Effect<string, never, Scope.Scope>
  /** Serves, and gives with the URL the way to stop. */
  readonly misbehave: (how: Misbehaviour) => Effect.Effect<Peer, never, Scope.Scope>
  /** A URL of a port that nobody listens on. */
  readonly closedPort: Effect.Effect<string, never, Scope.Scope>
  readonly unknownHost: string
  /** Opens a WebSocket to a URL of `serve`. A `deaf` client never reads what arrives. */
  readonly dial: (
    url: string,
    options?: { readonly deaf?: boolean }
  ) => Effect.Effect<Dialled, Socket.SocketError, Scope.Scope>
}

/** The limit of a WebSocket frame at the servers under test. */
export const frameBytesMax = 100_000

export type HttpTest = (sides: HttpSides) => Effect.Effect<void, unknown, Scope.Scope>

/** Declares a test for one of the surroundings. */
export type Declare = (name: string, test: HttpTest) => void
