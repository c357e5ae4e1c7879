/** The tie between accounts and the hub, which know nothing of each other. */
import { Effect, Layer } from "effect"
import { Hub } from "../hub/Hub.ts"
import { Rights } from "../hub/Rights.ts"
import { Accounts } from "./Accounts.ts"

/** Tells the hub the rights of people. Give it to the layer of the hub, which reads it as it is built. */
export const rights = Layer.effect(
  Rights,
  Accounts.useSync(({ currentUnsafe }) => ({ currentUnsafe }))
)

/** Tells the hub when rights have changed. */
export const watch: Layer.Layer<never, never, Accounts | Hub> = Layer.effectDiscard(
  Effect.gen(function* () {
    const hub = yield* Hub
    const accounts = yield* Accounts
    yield* accounts.onRightsChanged(hub.rightsChanged)
  })
)
