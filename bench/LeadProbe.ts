import { Effect } from "effect"
import * as Console from "../core/Console.ts"
import * as World from "../scenarios/World.ts"
import * as Sim from "../sim/Sim.ts"
const go = (sleep: number) => Effect.scoped(Effect.gen(function*() { yield* World.make({ nodes: { n0: [World.steady("app","api")] }, parts: Console.parts }); yield* Effect.sleep(sleep) }))
for (const sleep of [1, 10_000, 60_000]) {
  const t = performance.now()
  let r
  for (let i = 0; i < 5; i++) r = Sim.run(go(sleep), { seed: 1 + i })
  console.log(sleep, r?.outcome, r?.steps, r?.virtualMs, ((performance.now() - t)/5).toFixed(1) + " ms")
}
