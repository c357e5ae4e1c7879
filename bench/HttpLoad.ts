/**
 * `node bench/HttpLoad.ts URL RATE SECONDS [TOKEN]`: asks the URL so many times a second, whether answers come or not,
 * over connections that are kept, and prints a line of JSON about how long the answers took. A request counts from the
 * moment at which it was due, so that a server that stalls pays for all that it kept waiting.
 */
import { Agent, get } from "node:http"
import { percentile } from "./Percentile.ts"

const [url = "", rate = "", seconds = "", token] = process.argv.slice(2)
const total = Number(rate) * Number(seconds)
if (!URL.canParse(url) || !(total > 0)) {
  console.error("usage: node bench/HttpLoad.ts URL RATE SECONDS [TOKEN]")
  process.exit(2)
}

const socketsMax = 256
const drainMs = 10_000
const agent = new Agent({ keepAlive: true, maxSockets: socketsMax })
const tookMs: Array<number> = []
let failed = 0
let bytes = 0

const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }

const ended = (): number => tookMs.length + failed

const ask = (dueMs: number): void => {
  get(url, { agent, headers }, (response) => {
    response.on("data", (chunk: Buffer) => (bytes += chunk.length))
    response.on("end", () => {
      if (response.statusCode === 200) tookMs.push(performance.now() - dueMs)
      else failed++
    })
    response.on("error", () => failed++)
  }).on("error", () => failed++)
}

const startMs = performance.now()
let asked = 0
let lateMsMax = 0
const tick = (): void => {
  const nowMs = performance.now()
  for (; asked < total && startMs + (asked * 1_000) / Number(rate) <= nowMs; asked++) {
    const dueMs = startMs + (asked * 1_000) / Number(rate)
    lateMsMax = Math.max(lateMsMax, nowMs - dueMs)
    ask(dueMs)
  }
}

const report = (): void => {
  const { system, user } = process.cpuUsage()
  const shares = { p50Ms: 0.5, p90Ms: 0.9, p99Ms: 0.99, maxMs: 1 }
  const took = Object.fromEntries(Object.entries(shares).map(([name, share]) => [name, percentile(tookMs, share)]))
  const unanswered = asked - ended()
  console.log(
    JSON.stringify({
      answered: tookMs.length,
      failed,
      unanswered,
      bytes,
      lateMsMax,
      ...took,
      cpuMs: (user + system) / 1e3
    })
  )
  process.exit(0)
}

const timer = setInterval(() => {
  tick()
  const sinceDueMs = performance.now() - startMs - Number(seconds) * 1_000
  if ((asked >= total && ended() >= asked) || sinceDueMs > drainMs) {
    clearInterval(timer)
    report()
  }
}, 1)
