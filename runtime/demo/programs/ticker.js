/** A program that logs: a line each second, and each tenth of them to stderr. */
import { holdLifeline } from "./lifeline.js"
import { complain, say } from "./log.js"

const tickMs = 1_000
let ticks = 0

holdLifeline()
setInterval(() => {
  ticks += 1
  const line = `${new Date().toISOString()} tick ${ticks}`
  if (ticks % 10 === 0) complain(`${line}: warning, that was the tenth again`)
  else say(line)
}, tickMs)
