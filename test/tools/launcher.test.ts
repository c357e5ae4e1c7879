/** bin/muster.js as real processes, in a directory of its own with a command that tells how it was started. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, Schema } from "effect"
import { spawn, spawnSync } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const launcher = fileURLToPath(new URL("../../bin/muster.js", import.meta.url))

/** Says where it runs and with what, then ends with status 3. */
const tell = (kind: string): string =>
  `console.log(JSON.stringify({ kind: "${kind}", args: process.argv.slice(2) })); process.exitCode = 3\n`

/** Lives until a signal, which it writes down. */
const wait = (file: string): string =>
  `import { writeFileSync } from "node:fs"
for (const name of ["SIGTERM", "SIGINT"] as const) {
  process.on(name, () => { writeFileSync(${JSON.stringify(file)}, name); process.exit(7) })
}
setInterval(() => {}, 1000)
writeFileSync(${JSON.stringify(`${file}.up`)}, "up")
`

/** A Node that claims to be old until it has handed over. */
const oldNode = `if (process.env.MUSTER_NODE_HANDED_OVER === undefined) {
  Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })
}
`

const Told = Schema.fromJsonString(Schema.Struct({ kind: Schema.String, args: Schema.Array(Schema.String) }))

/** A directory with the launcher and the files given; it goes when the test ends. */
const install = (files: Readonly<Record<string, string>>, at = "muster") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const top = mkdtempSync(join(tmpdir(), "muster-launcher-"))
      const home = join(top, at)
      for (const [name, text] of Object.entries({ "package.json": '{ "type": "module" }', ...files })) {
        mkdirSync(dirname(join(home, name)), { recursive: true })
        writeFileSync(join(home, name), text)
      }
      mkdirSync(join(home, "bin"))
      copyFileSync(launcher, join(home, "bin", "muster.js"))
      return { top, home, command: join(home, "bin", "muster.js") }
    }),
    ({ top }) => Effect.sync(() => rmSync(top, { recursive: true, force: true }))
  )

const run = (command: string, ...nodeArgs: ReadonlyArray<string>) => {
  const { npm_command: _, ...env } = process.env
  const result = spawnSync(process.execPath, [...nodeArgs, command, "serve", "a b"], { encoding: "utf8", env })
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

const told = (stdout: string) => Schema.decodeUnknownSync(Told)(stdout)

/** Waits for a file of another process, for at most ten seconds. */
const appears = (file: string) =>
  Effect.suspend(() => {
    // One that is being written is empty at first.
    const text = existsSync(file) ? readFileSync(file, "utf8") : ""
    return text === "" ? Effect.fail(`no ${file}`) : Effect.succeed(text)
  }).pipe(Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ times: 500 }))))

describe("launcher", () => {
  it.live("runs the source in the repository, with arguments and exit status", () =>
    Effect.gen(function* () {
      const { command } = yield* install({
        "runtime/muster.ts": `const kind: string = "x"\n${tell("source")}`,
        "dist/runtime/muster.js": tell("build")
      })
      const result = run(command)
      assert.deepStrictEqual(told(result.stdout), { kind: "source", args: ["serve", "a b"] })
      assert.strictEqual(result.status, 3)
    })
  )

  it.live("runs the build where it is installed as a package", () =>
    Effect.gen(function* () {
      const files = { "runtime/muster.ts": tell("source"), "dist/runtime/muster.js": tell("build") }
      const { command } = yield* install(files, "node_modules/muster")
      assert.strictEqual(told(run(command).stdout).kind, "build")
    })
  )

  it.live("says what is missing when there is neither", () =>
    Effect.gen(function* () {
      const { command } = yield* install({})
      const result = run(command)
      assert.strictEqual(result.status, 2)
      assert.include(result.stderr, "npm run build")
    })
  )

  it.live("hands over from an old Node to the one of the node package", () =>
    Effect.gen(function* () {
      const { command, home } = yield* install({
        "runtime/muster.ts": tell("source"),
        "old.mjs": oldNode,
        "node_modules/node/package.json": "{}",
        "node_modules/node/bin/node": `#!/bin/sh\necho handed over >&2\nexec "${process.execPath}" "$@"\n`
      })
      chmodSync(join(home, "node_modules/node/bin/node"), 0o755)
      const result = run(command, "--import", join(home, "old.mjs"))
      assert.strictEqual(result.stderr, "handed over\n")
      assert.deepStrictEqual(told(result.stdout).args, ["serve", "a b"])
      assert.strictEqual(result.status, 3)
    })
  )

  it.live("says what to do when an old Node has none to hand over to", () =>
    Effect.gen(function* () {
      // The package is there, and its install script, which brings the binary, was not allowed to run.
      const { command, home } = yield* install({
        "runtime/muster.ts": tell("source"),
        "old.mjs": oldNode,
        "node_modules/node/package.json": "{}"
      })
      const result = run(command, "--import", join(home, "old.mjs"))
      assert.strictEqual(result.status, 2)
      assert.match(result.stderr, /needs Node 22\.\d+\.\d+ or later, and this is 20\.20\.2/)
    })
  )

  it.live("passes signals on and ends as the command ends", () =>
    Effect.gen(function* () {
      const { command, home, top } = yield* install({ "old.mjs": oldNode, "node_modules/node/package.json": "{}" })
      const seen = join(top, "signal")
      mkdirSync(join(home, "runtime"))
      writeFileSync(join(home, "runtime/muster.ts"), wait(seen))
      mkdirSync(join(home, "node_modules/node/bin"))
      writeFileSync(join(home, "node_modules/node/bin/node"), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`)
      chmodSync(join(home, "node_modules/node/bin/node"), 0o755)
      const child = spawn(process.execPath, ["--import", join(home, "old.mjs"), command], { stdio: "ignore" })
      const ended = new Promise((resolve) => child.on("exit", resolve))
      yield* appears(`${seen}.up`)
      child.kill("SIGTERM")
      assert.strictEqual(yield* appears(seen), "SIGTERM")
      assert.strictEqual(yield* Effect.promise(() => ended), 7)
    })
  )

  it.live("ends when the shell that npm started it in is gone", () =>
    Effect.gen(function* () {
      const { command, home, top } = yield* install({})
      const seen = join(top, "signal")
      mkdirSync(join(home, "runtime"))
      writeFileSync(join(home, "runtime/muster.ts"), wait(seen))
      const script = `"${process.execPath}" "${command}"; true`
      const shell = spawn("sh", ["-c", script], { stdio: "ignore", env: { ...process.env, npm_command: "exec" } })
      yield* appears(`${seen}.up`)
      shell.kill("SIGTERM")
      assert.strictEqual(yield* appears(seen), "SIGTERM")
    })
  )
})
