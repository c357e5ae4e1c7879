/** Generated sequences of operations show the same on the real file system and on the simulated one. */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { isSuperuser, real, simulated } from "./FileSystemSides.ts"
import { steps, take } from "./FileSystemSteps.ts"

const seed = 20_261_121
const runs = 400

describe("a file system", () => {
  it("shows the same after any sequence of operations, really and simulated", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(steps(!isSuperuser), async (all) => {
        assert.deepEqual(await simulated.run(take(all)), await real.run(take(all)))
      }),
      { seed, numRuns: runs }
    )
  })
})
