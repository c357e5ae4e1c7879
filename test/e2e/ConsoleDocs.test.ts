/**
 * The pages about the console: every command is run against a real console, in the order of the pages, and what it
 * answers is compared with what the page shows, status included, but for times and the like.
 *
 * The console has the programs of the demo fleet. The one that crashes is given up at once and the others count as
 * RUNNING at once, so that nobody has to wait. It lets in nobody who has not logged in; each page begins with that.
 */
import { execFile, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { decodeConfig } from "../../core/config/ConfigFile.ts"
import { NodeView } from "../../core/domain/Node.ts"
import { statusByCode } from "../../core/http/ErrorBody.ts"
import { demoPrograms } from "../../runtime/demo/DemoPrograms.ts"
import { eventually } from "../core/local/RealProcesses.ts"
import { maskedJson, maskedText, parseExamples } from "../support/DocExamples.ts"
import type { CommandExample, FramesExample } from "../support/DocExamples.ts"
import { start } from "../support/RealConsole.ts"
import { temporaryFile, temporaryFolder } from "../support/TemporaryFolder.ts"
import * as WsClient from "../support/WsClient.ts"

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

/** In the order in which they are followed: a later one shows the batches of an earlier one. */
const pages = ["docs/api.md", "docs/protocol.md", "docs/fleet.md"] as const

/** Where the console of the pages is. */
const shownUrl = "http://127.0.0.1:8080"

const limits = { commandMs: 60_000, testMs: 300_000 } as const

const configuration = demoPrograms
  .map(({ command, group, name }) =>
    [
      "[[programs]]",
      `name = "${name}"`,
      `group = "${group}"`,
      `command = ${JSON.stringify(command)}`,
      name === "crasher" ? "startretries = 0" : "startsecs = 0"
    ].join("\n")
  )
  .join("\n")

const launcher = fileURLToPath(new URL("../../bin/muster.js", import.meta.url))

interface Printed {
  readonly exitStatus: number | string | null | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Of the first administrator; the pages have it in a variable. */
const password = "a password of the pages"

/** What a page is followed with. */
interface Surroundings {
  readonly url: string
  /** Where `muster login` keeps its session. */
  readonly folder: string
  /** Variables that the page has set so far. */
  readonly variables: Map<string, string>
}

/** Runs a command of a page in a shell, against the console at `url`; prints what it keeps in a variable. */
const run = (command: string, { folder, url, variables }: Surroundings): Effect.Effect<Printed> => {
  const variable = variableOf(command)
  const line = command
    .replace(/^([A-Z]+=\$\()?muster /, (_, begin = "") => `${begin}'${process.execPath}' '${launcher}' `)
    .replace(/^([A-Z]+=\$\()?curl /, (_, begin = "") => `${begin}curl -sS -w '%{stderr}%{http_code}' `)
    .replaceAll(shownUrl, url)
    .concat(variable === undefined ? "" : `\nprintf %s "$${variable}"`)
  const env = {
    ...process.env,
    ...Object.fromEntries(variables),
    MUSTER_URL: url,
    MUSTER_PASSWORD: password,
    XDG_CONFIG_HOME: folder,
    NO_COLOR: "1"
  }
  return Effect.callback((resume) => {
    const child = execFile("sh", ["-ec", line], { env, timeout: limits.commandMs }, (error, stdout, stderr) =>
      resume(Effect.succeed({ exitStatus: error === null ? 0 : error.code, stdout, stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })
}

/** The variable in which a command keeps what it prints. */
const variableOf = (command: string): string | undefined => /^([A-Z]+)=/.exec(command)?.[1]

const Json = Schema.fromJsonString(Schema.Unknown)
const decodeJson = Schema.decodeUnknownSync(Json)

const Refusal = Schema.Struct({ status: Schema.Literal("error"), code: Schema.Literals(Object.keys(statusByCode)) })
const isRefusal = Schema.is(Refusal)
const statuses: ReadonlyMap<string, number> = new Map(Object.entries(statusByCode))

/** The status that goes with what a page shows. */
const isStatusOf = (shown: unknown, status: number): boolean =>
  isRefusal(shown) ? statuses.get(shown.code) === status : status >= 200 && status < 300

const followCommands = Effect.fnUntraced(function* (
  page: string,
  { answer, commands, line }: CommandExample,
  surroundings: Surroundings
) {
  for (const [i, command] of commands.entries()) {
    const what = `${page}, line ${line}: ${command}`
    const { exitStatus, stderr, stdout } = yield* run(command, surroundings)
    assert.strictEqual(exitStatus, 0, `${what}\n${stdout}${stderr}`)
    const shown = i === commands.length - 1 ? answer : undefined
    const json = shown?.language === "json" ? decodeJson(shown.text) : undefined
    if (/^([A-Z]+=\$\()?curl /.test(command)) assert.isTrue(isStatusOf(json, Number(stderr)), `${what}\n${stdout}`)
    const variable = variableOf(command)
    if (variable !== undefined) {
      assert.match(stdout, /^\S{8,}$/, what)
      surroundings.variables.set(variable, stdout)
    }
    if (json !== undefined) assert.deepStrictEqual(maskedJson(decodeJson(stdout)), maskedJson(json), what)
    else if (shown !== undefined) assert.strictEqual(maskedText(stdout), maskedText(shown.text), what)
  }
})

/** Events come whenever they do. */
const isAnswer = (frame: WsClient.Frame): boolean => !("seq" in frame) && frame.type !== "hello"

const followFrames = Effect.fnUntraced(function* (
  page: string,
  { frames, line }: FramesExample,
  { url, variables }: Surroundings
) {
  const client = yield* WsClient.connect(url, { headers: { authorization: `Bearer ${variables.get("TOKEN")}` } })
  yield* client.frame(({ type }) => type === "snapshot")
  let answers = 0
  for (const { isSent, text } of frames) {
    if (isSent) {
      yield* client.send(text)
      continue
    }
    const place = answers++
    const received = yield* client.frame((frame) => client.frames.filter(isAnswer)[place] === frame)
    assert.deepStrictEqual(maskedJson(received), maskedJson(decodeJson(text)), `${page}, line ${line}: ${text}`)
  }
})

const followPage = Effect.fnUntraced(function* (page: string, console: Pick<Surroundings, "url" | "folder">) {
  const examples = parseExamples(read(page))
  assert.isNotEmpty(examples, page)
  const surroundings = { ...console, variables: new Map<string, string>() }
  for (const example of examples) {
    yield* example.kind === "commands"
      ? followCommands(page, example, surroundings)
      : followFrames(page, example, surroundings)
  }
})

/** Configurations that a page shows: indented, and beginning with a table of nodes. */
const configurationsOf = (page: string) =>
  Array.from(read(page).matchAll(/(?:^ {4}\[\[nodes\]\]\n(?: {4}.*\n)+)/gm), ([text]) => text)

const decodeGranted = Schema.decodeUnknownEffect(Schema.Struct({ token: Schema.String }))

/** Waits until the programs are in the states that the pages show. */
const settled = Effect.fnUntraced(function* (url: string) {
  const asked = (path: string, init: RequestInit) =>
    Effect.tryPromise((signal) =>
      fetch(`${url}${path}`, { ...init, signal }).then((answer): Promise<unknown> => answer.json())
    )
  const login = yield* asked("/api/auth/login", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "admin", password })
  })
  const { token } = yield* decodeGranted(login)
  const node = Effect.flatMap(
    asked("/api/nodes/local", { headers: { authorization: `Bearer ${token}` } }),
    Schema.decodeUnknownEffect(NodeView)
  )
  yield* eventually(node, ({ processes }) => processes["RUNNING"] === 3 && processes["FATAL"] === 1)
})

const hasCurl = spawnSync("curl", ["--version"]).status === 0
const isSkipped = !hasCurl && process.env["MUSTER_REQUIRE_ALL"] !== "1"

describe("the pages about the console", () => {
  const name = "have examples that answer as they show"
  const follow = isSkipped ? it.live.skip : it.live
  follow(
    isSkipped ? `${name} [skipped: curl is not on PATH]` : name,
    () =>
      Effect.gen(function* () {
        const config = yield* temporaryFile("muster.toml", configuration)
        const folder = yield* temporaryFolder
        const env = { MUSTER_AUTH_ANONYMOUS_ROLE: "none", MUSTER_ADMIN_PASSWORD: password }
        const { url } = yield* start({ config, env })
        yield* settled(url)
        yield* Effect.forEach(pages, (page) => followPage(page, { url, folder }), { discard: true })
      }).pipe(Effect.scoped),
    limits.testMs
  )

  it.each(["README.md", "docs/configuration.md"])("show valid configurations in %s", (page) => {
    const found = configurationsOf(page)
    assert.isNotEmpty(found)
    for (const text of found) {
      const environment = { WEB_1_PASSWORD: "a password", WEB_3_TLS_KEY: "a key" }
      const config = decodeConfig({ file: page, text, environment })
      assert.isTrue(Result.isSuccess(config), Result.isFailure(config) ? config.failure.message : "")
    }
  })
})
