/** Simulated secure randomness keeps the contract that the real one keeps. */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import { Effect } from "effect"
import * as Sim from "../../sim/Sim.ts"
import * as SimCrypto from "../../sim/SimCrypto.ts"
import { secureRandomContract } from "./Crypto.ts"

secureRandomContract({
  label: "NodeCrypto",
  run: (program) => Effect.runPromise(Effect.provide(program, NodeCrypto.layerSecureRandom))
})

secureRandomContract({
  label: "SimCrypto",
  run: async (program) => {
    const result = Sim.run(Effect.provide(program, SimCrypto.layerSecureRandom), { seed: 7 })
    if (result.exit?._tag !== "Success") throw new Error(`${result.outcome}: ${result.message}`)
    return result.exit.value
  }
})
