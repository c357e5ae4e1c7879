/** One contract of the HTTP server for the simulated network and the real one. */
import { describe } from "@effect/vitest"
import * as RealHttp from "../support/RealHttp.ts"
import * as SimulatedHttp from "../support/SimulatedHttp.ts"
import { answers, clientsThatGo, requests } from "./HttpServer.ts"

for (const { declare, where } of [
  { where: "simulated", declare: SimulatedHttp.declare },
  { where: "on Node", declare: RealHttp.declare }
]) {
  describe(`HTTP server, ${where}`, () => {
    requests(declare)
    answers(declare)
    clientsThatGo(declare)
  })
}
