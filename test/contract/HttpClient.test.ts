/** One contract of the HTTP client for the simulated network and the real one. */
import { describe } from "@effect/vitest"
import * as RealHttp from "../support/RealHttp.ts"
import * as SimulatedHttp from "../support/SimulatedHttp.ts"
import { failures, givingUp } from "./HttpClient.ts"

for (const { declare, where } of [
  { where: "simulated", declare: SimulatedHttp.declare },
  { where: "on Node", declare: RealHttp.declare }
]) {
  describe(`HTTP client, ${where}`, () => {
    failures(declare)
    givingUp(declare)
  })
}
