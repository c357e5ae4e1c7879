/**
 * `node tools/killConsole.ts [--times 100] [--database URL] [--seed N] [--seconds 1800]`: kills a real console again
 * and again while it has much to do, starts it again, and looks whether anything that it acknowledged is missing.
 *
 * Without a database it keeps a SQLite file; one of PostgreSQL, `postgres://user@host/NAME`, is made for this and
 * dropped after it. Ends with 1 when something is missing, 2 for wrong usage.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { marked, signal } from "../runtime/real/MarkedProcesses.ts"
import * as Checks from "../runtime/real/kill/Checks.ts"
import * as KilledConsole from "./kill/KilledConsole.ts"
import { begin, load, newWorld, password, randomOf, type World } from "../runtime/real/kill/Load.ts"
import * as OwnDatabase from "./kill/OwnDatabase.ts"

/**
 * It is killed once so many more requests were answered, or after so long: one time at the answer itself, which nothing
 * that was left for later survives, another time a moment later, in the middle of whatever is under way then.
 */
const killAfter = { answersMax: 40, msMax: 20_000, moreMsMax: 150 } as const

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Programs with children of their own; the second form differs by one of them and by a setting. */
const configuration = (form: number): string =>
  [
    "[poll]",
    `interval = "${form === 0 ? "200ms" : "300ms"}"`,
    "[auth]",
    // Nobody refreshes a token here.
    'access_token_ttl = "11h"',
    "login_failures_per_account = 1000",
    "login_failures_per_address = 100000",
    ...["steady", "ticker", "worker"].flatMap((name) => [
      "[[programs]]",
      `name = "${name}"`,
      'group = "app"',
      `command = "sh -c 'while :; do echo ${name}${name === "worker" ? form : ""}; sleep 0.1; done'"`,
      "startsecs = 0",
      "stopwaitsecs = 2"
    ])
  ].join("\n")

const usage = "usage: node tools/killConsole.ts [--times N] [--database URL] [--seed N] [--seconds N]"

class WrongUsage extends Error {}

const parsed = () => {
  try {
    return parseArgs({
      options: {
        times: { type: "string", default: "100" },
        seconds: { type: "string", default: "1800" },
        seed: { type: "string", default: String(Date.now() % 1_000_000) },
        database: { type: "string" }
      }
    })
  } catch (error) {
    throw new WrongUsage(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
  }
}

const options = () => {
  const { values } = parsed()
  const [times, seconds, seed] = [Number(values.times), Number(values.seconds), Number(values.seed)]
  if (![times, seconds, seed].every((number) => Number.isSafeInteger(number) && number >= 0)) {
    throw new WrongUsage(usage)
  }
  return { times, seconds, seed, database: values.database }
}

type Options = ReturnType<typeof options>

/** The answer at which it is killed. */
interface Last {
  answer: number
  kill: () => void
}

const killUnderLoad = async (
  console_: KilledConsole.Console,
  token: string,
  world: World,
  last: Last
): Promise<void> => {
  let isOver = false
  const working = load({ url: console_.url, token, world, isOver: () => isOver })
  const enough = world.answered + Math.floor(world.random() * killAfter.answersMax)
  const isAtOnce = world.random() < 0.5
  last.answer = isAtOnce ? enough : Infinity
  last.kill = () => void console_.end("SIGKILL")
  const latestMs = performance.now() + killAfter.msMax
  while (world.answered < enough && performance.now() < latestMs) await pause(5)
  if (!isAtOnce) await pause(world.random() * killAfter.moreMsMax)
  await console_.end("SIGKILL")
  last.answer = Infinity
  isOver = true
  await working
}

const torture = async (folder: string, { database, seconds, seed, times }: Options): Promise<ReadonlyArray<string>> => {
  const random = randomOf(seed)
  const last: Last = { answer: Infinity, kill: () => {} }
  const world = newWorld({
    folder,
    random,
    configuration,
    answers: ({ status }) => {
      if (status !== 0 && world.answered + 1 >= last.answer) last.kill()
    }
  })
  writeFileSync(join(folder, "muster.toml"), configuration(0))
  const env = {
    MUSTER_SERVER_PORT: "0",
    MUSTER_ADMIN_PASSWORD: password,
    MUSTER_DATABASE_URL: database ?? "sqlite:muster.db",
    XDG_RUNTIME_DIR: folder
  }
  const startedMs = performance.now()
  let isStopped = false
  const stop = () => void (isStopped = true)
  process.once("SIGINT", stop).once("SIGTERM", stop)
  const isLate = () => isStopped || performance.now() - startedMs > seconds * 1_000
  let console_ = await KilledConsole.start(folder, env)
  const lives = [console_]
  const wrong: Array<string> = []
  let kills = 0
  try {
    // One session for all of the time: that it lasts is among what is looked at.
    const token = await begin(console_.url, world)
    while (kills < times && wrong.length === 0 && !isLate()) {
      await killUnderLoad(console_, token, world, last)
      kills++
      const next = await KilledConsole.start(folder, env)
      lives.push(next)
      wrong.push(...(await Checks.check(console_, next, token, world)))
      console_ = next
      if (kills % 10 === 0 || wrong.length > 0) process.stdout.write(`${told(kills, world)}\n`)
    }
    const status = await console_.end("SIGTERM")
    if (status !== 0) wrong.push(`the last console ended with ${status}:\n${console_.output().slice(-2_000)}`)
    wrong.push(...lives.flatMap(({ mark }) => marked(mark).map((pid) => `the process ${pid} is left over`)))
    wrong.push(...Checks.staleFiles(folder), ...Checks.integrity(folder))
  } finally {
    await console_.end("SIGKILL")
    for (const { mark } of lives) for (const pid of marked(mark)) signal(pid, "SIGKILL")
  }
  const tookS = Math.round((performance.now() - startedMs) / 1_000)
  if (world.answered === 0) wrong.push("nothing was answered, so nothing was looked at")
  if (kills < times && wrong.length === 0)
    wrong.push(`only ${kills} of ${times} kills ${isStopped ? "until it was stopped" : `within ${seconds} s`}`)
  process.stdout.write(
    `${told(kills, world)} in ${tookS} s, seed ${seed}: ${wrong.length === 0 ? "all is there" : "NOT"}\n`
  )
  return wrong
}

const told = (kills: number, { answered, unanswered, users }: World): string =>
  `${kills} kills, ${answered} answered and ${unanswered} cut off, ${users.names().length} users so far`

const run = async () => {
  const given = options()
  const folder = mkdtempSync(join(tmpdir(), "muster-kill-"))
  try {
    const dropDatabase = given.database === undefined ? async () => {} : await OwnDatabase.make(given.database)
    try {
      return await torture(folder, given)
    } finally {
      await dropDatabase()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

try {
  const wrong = await run()
  for (const line of wrong) process.stderr.write(`killConsole: ${line}\n`)
  process.exitCode = wrong.length === 0 ? 0 : 1
} catch (error) {
  process.stderr.write(`killConsole: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof WrongUsage ? 2 : 1
}
