/**
 * P4, fleet state safety (R2.1 to R2.3): the registry is linearizable: every concurrent history of its operations
 * equals some sequential one; and its events, replayed in the order of their numbers, lead to its state.
 *
 * Method: fibers add, remove and replace nodes, report polls and read, at once, on the registry of a running console;
 * readers come through the HTTP API. The history is searched for a sequential explanation against a model of a few
 * lines.
 */
import { Effect, Option, Schema } from "effect"
import type { HttpClient } from "effect/http"
import * as fc from "fast-check"
import { NodeView } from "../../core/domain/Node.ts"
import { draw } from "../../sim/Draw.ts"
import * as RegistryMutants from "../mutants/RegistryMutants.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as P04Registry from "./P04Registry.ts"

const workload = fc.array(fc.array(P04Registry.operation, { minLength: 1, maxLength: 6 }), {
  minLength: 3,
  maxLength: 5
})

const decodeNode = Schema.decodeUnknownOption(Schema.fromJsonString(NodeView))

const ask = (http: HttpClient.HttpClient, name: string) =>
  Effect.gen(function* () {
    const response = yield* http.get(`http://console/api/nodes/${name}`)
    const text = yield* response.text
    return response.status === 404
      ? "absent"
      : Option.match(decodeNode(text), { onNone: () => text, onSome: (view) => view.status })
  }).pipe(Effect.orDie)

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { bus, http, registry } = yield* World.make({ nodes: {}, parts })
  const clients = yield* draw(workload)
  const planned = clients.map((inputs) => inputs.map((input) => ({ input, givenUp: false })))
  yield* P04Registry.claim({ bus, registry, ask: (name) => ask(http, name) }, planned)
}, Effect.scoped)

export const P4: Property = {
  id: "P4",
  title: "fleet state safety",
  requirements: ["R2.1", "R2.2", "R2.3"],
  marks: ["nodes changed while events went out", "a change was given up"],
  program,
  focus: P04Registry.program,
  mutants: [RegistryMutants.lostUpdate, RegistryMutants.staleRead, RegistryMutants.publishOutsideLock]
}
