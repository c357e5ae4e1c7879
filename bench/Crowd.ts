/** A process full of clients, as an effect; see LightClients. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"

export interface Crowd {
  /** Bytes that the clients have received so far. */
  readonly received: Effect.Effect<number>
}

const program = fileURLToPath(new URL("LightClients.ts", import.meta.url))

const answerMsMax = 60_000

/** Connects so many clients to the port; they go with the scope. */
export const connect = (
  kind: "websocket" | "socket.io",
  port: number,
  count: number
): Effect.Effect<Crowd, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [program, kind, String(port), String(count)], { stdio: ["pipe", "pipe", "inherit"] })
      ),
      (spawned) =>
        Effect.callback<void>((resume) => {
          spawned.once("exit", () => resume(Effect.void))
          spawned.kill("SIGKILL")
        })
    )
    const lines = createInterface({ input: child.stdout })
    const nextLine = Effect.callback<string>((resume) => {
      lines.once("line", (line) => resume(Effect.succeed(line)))
    }).pipe(Effect.timeout(answerMsMax), Effect.orDie)
    yield* nextLine
    return {
      received: Effect.map(
        Effect.andThen(
          Effect.sync(() => child.stdin.write("\n")),
          nextLine
        ),
        Number
      )
    }
  })
