/** One contract of WebSockets for the simulated network and the real one. */
import { describe } from "@effect/vitest"
import * as RealHttp from "../support/RealHttp.ts"
import * as SimulatedHttp from "../support/SimulatedHttp.ts"
import { closes, frames, refusals } from "./WebSocket.ts"

for (const { declare, where } of [
  { where: "simulated", declare: SimulatedHttp.declare },
  { where: "on Node", declare: RealHttp.declare }
]) {
  describe(`WebSocket, ${where}`, () => {
    frames(declare)
    closes(declare)
    refusals(declare)
  })
}
