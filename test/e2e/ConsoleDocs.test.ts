/**
 * The pages about the console: every command is run against a real console, in the order of the pages, and what it
 * answers is compared with what the page shows, status included, but for times and the like.
 *
 * The console has the programs of the demo fleet. The one that crashes is given up at once and the others count as
 * RUNNING at once, so that nobody has to wait.
 */
import { execFile, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { decodeConfig } from "../../core/config/ConfigFile.ts"
import { statusByCode } from "../../core/http/ErrorBody.ts"
import { demoPrograms } from "../../runtime/demo/DemoPrograms.ts"
import { maskedJson, maskedText, parseExamples } from "../support/DocExamples.ts"
import type { CommandExample, FramesExample } from "../support/DocExamples.ts"
import { reaches, start } from "../support/RealConsole.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"
import * as WsClient from "../support/WsClient.ts"

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

/** In the order in which they are followed: a later one shows the batches of an earlier one. */
const pages = ["docs/api.md", "docs/protocol.md", "docs/fleet.md"] as const

/** Where the console of the pages is. */
const shownUrl = "http://127.0.0.1:8080"

const limits = { commandMs: 15_000, testMs: 60_000 } as const

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

/** Runs a command of a page in a shell, against the console at `url`. */
const run = (command: string, url: string): Effect.Effect<Printed> => {
  const line = command
    .replace(/^muster /, `'${process.execPath}' '${launcher}' `)
    .replace(/^curl /, "curl -sS -w '%{stderr}%{http_code}' ")
    .replaceAll(shownUrl, url)
  const env = { ...process.env, MUSTER_URL: url, NO_COLOR: "1" }
  return Effect.callback((resume) => {
    const child = execFile("sh", ["-c", line], { env, timeout: limits.commandMs }, (error, stdout, stderr) =>
      resume(Effect.succeed({ exitStatus: error === null ? 0 : error.code, stdout, stderr }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })
}

const Json = Schema.fromJsonString(Schema.Unknown)
const decodeJson = Schema.decodeUnknownSync(Json)

const Refusal = Schema.Struct({ status: Schema.Literal("error"), code: Schema.Literals(Object.keys(statusByCode)) })
const isRefusal = Schema.is(Refusal)
const statuses: ReadonlyMap<string, number> = new Map(Object.entries(statusByCode))

/** The status that goes with what a page shows. */
const statusOf = (shown: unknown): number | undefined => (isRefusal(shown) ? statuses.get(shown.code) : 200)

const followCommands = Effect.fnUntraced(function* (
  page: string,
  { answer, commands, line }: CommandExample,
  url: string
) {
  for (const [i, command] of commands.entries()) {
    const what = `${page}, line ${line}: ${command}`
    const { exitStatus, stderr, stdout } = yield* run(command, url)
    assert.strictEqual(exitStatus, 0, `${what}\n${stdout}${stderr}`)
    const shown = i === commands.length - 1 ? answer : undefined
    if (command.startsWith("curl ")) {
      const expected = shown === undefined ? undefined : decodeJson(shown.text)
      assert.strictEqual(Number(stderr), statusOf(expected), `${what}\n${stdout}`)
      const answered = decodeJson(stdout)
      if (expected !== undefined) assert.deepStrictEqual(maskedJson(answered), maskedJson(expected), what)
    } else if (shown !== undefined) {
      assert.strictEqual(maskedText(stdout), maskedText(shown.text), what)
    }
  }
})

/** Events come whenever they do. */
const isAnswer = (frame: WsClient.Frame): boolean => !("seq" in frame) && frame.type !== "hello"

const followFrames = Effect.fnUntraced(function* (page: string, { frames, line }: FramesExample, url: string) {
  const client = yield* WsClient.connect(url)
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

const followPage = Effect.fnUntraced(function* (page: string, url: string) {
  const examples = parseExamples(read(page))
  assert.isNotEmpty(examples, page)
  for (const example of examples) {
    yield* example.kind === "commands" ? followCommands(page, example, url) : followFrames(page, example, url)
  }
})

/** Configurations that a page shows: indented, and beginning with a table of nodes. */
const configurationsOf = (page: string) =>
  Array.from(read(page).matchAll(/(?:^ {4}\[\[nodes\]\]\n(?: {4}.*\n)+)/gm), ([text]) => text)

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
        const console = yield* start({ config })
        yield* reaches(console, "FATAL", "local", "demo", "crasher")
        for (const running of ["steady", "ticker", "web"]) yield* reaches(console, "RUNNING", "local", "demo", running)
        yield* Effect.forEach(pages, (page) => followPage(page, console.url), { discard: true })
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
