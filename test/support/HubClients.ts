/** How many clients the hub of a running console has, as its health tells. */
import { Effect, Schema } from "effect"
import { Health } from "../../core/http/HealthApi.ts"
import { eventually } from "../core/local/RealProcesses.ts"
import type { RealConsole } from "./RealConsole.ts"

export const clients = (console: RealConsole) =>
  console.request("GET", "/health").pipe(
    Effect.flatMap(({ body }) => Schema.decodeUnknownEffect(Health)(body)),
    Effect.map(({ components }) => components.find(({ name }) => name === "hub")?.detail?.["clients"])
  )

export const clientsBecome = (console: RealConsole, count: number) =>
  eventually(clients(console), (found) => found === count)
