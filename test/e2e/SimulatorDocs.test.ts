/**
 * The pages about the simulator, followed word by word in an empty project that the packed package was installed into:
 * every file is written, every command is run, and every output is compared, hashes and tokens included.
 *
 * After a change to what the simulator decides or says, `MUSTER_UPDATE_DOCS=1` writes the new outputs into the pages.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { PackedProject } from "../support/PackedProject.ts"
import type { Shell } from "../support/PackedProject.ts"
import { parseDoc, withPrinted } from "../support/RunnableDoc.ts"
import type { Step } from "../support/RunnableDoc.ts"

const docs = fileURLToPath(new URL("../../docs", import.meta.url))

/** In the order in which they are to be read: later ones use files of earlier ones. */
const pages = ["simulator.md", "simulator-services.md"] as const

const isUpdate = process.env["MUSTER_UPDATE_DOCS"] === "1"

const token = /\bm\d+\.[\w+-]+\.[\w.-]{30,}/

/** Building, packing and many processes, on a busy machine. */
const limitMs = 180_000

/** Follows one step; gives what its commands print. */
const follow = Effect.fnUntraced(function* (shell: Shell, step: Step, renewed: (command: string) => string) {
  if (step.kind === "file") {
    const file = join(shell.here(), step.name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, step.text)
    return ""
  }
  const printed = yield* Effect.forEach(step.commands, (line) => shell.command(renewed(line)))
  return printed.join("").trimEnd()
})

const followPage = Effect.fnUntraced(function* (page: string) {
  const { folder, shell } = yield* PackedProject
  const file = join(docs, page)
  let markdown = readFileSync(file, "utf8")
  const steps = parseDoc(markdown)
  // From the end, so that the lines of the blocks before stay where they are.
  const updates: Array<(text: string) => string> = []
  let renewed: (text: string) => string = (text) => text
  for (const step of steps) {
    // As the machine of a reader would say it.
    const printed = (yield* follow(shell, step, renewed)).replaceAll(folder, "/somewhere")
    if (step.kind === "file" || step.prints === undefined) continue
    const { line, text } = step.prints
    if (!isUpdate) assert.strictEqual(printed, text, `docs/${page}, line ${line}: ${step.commands.join("; ")}`)
    updates.unshift((before) => withPrinted(before, line, printed))
    // A token that is shown here is typed in further below.
    const [[old] = [], [now] = []] = [token.exec(text) ?? undefined, token.exec(printed) ?? undefined]
    if (old !== undefined && now !== undefined) renewed = (before) => before.replaceAll(old, now)
  }
  if (!isUpdate) return
  for (const update of updates) markdown = update(markdown)
  writeFileSync(file, renewed(markdown))
})

/** Modules of the package that a program may import, `muster/sim` first. */
const modulesOf = (files: ReadonlyArray<string>) => [
  "muster/sim",
  ...files.flatMap((path) => {
    const name = /^dist\/(sim\/.*)\.d\.ts$/.exec(path)?.[1]
    return name === undefined || name === "sim/index" ? [] : `muster/${name}`
  })
]

const tsconfig = JSON.stringify({
  compilerOptions: {
    target: "ES2024",
    module: "NodeNext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true
  }
})

layer(PackedProject.layer, { timeout: limitMs, excludeTestServices: true })("the packed package", (it) => {
  it.effect(
    "lets a reader follow the pages about the simulator word by word in an empty project",
    () => Effect.forEach(pages, followPage, { discard: true }),
    limitMs
  )

  it.effect(
    "gives every module of the simulator with its types, and loads node:sqlite only for those of sql",
    () =>
      Effect.gen(function* () {
        const { files, folder, shell, tarball } = yield* PackedProject
        const modules = modulesOf(files)
        assert.includeMembers(modules, ["muster/sim/net/Network", "muster/sim/fs/Disk", "muster/sim/sql/Database"])
        yield* shell.command(`mkdir ${folder}/modules && cd ${folder}/modules`)
        yield* shell.command(`npm install ../${tarball}`)
        yield* shell.command("npm install --save-dev @types/node@24.19.2")
        const load = (names: ReadonlyArray<string>) =>
          `for (const name of ${JSON.stringify(names)}) await import(name)\n` +
          `console.log(process.moduleLoadList.some((name) => name.endsWith("Module sqlite")))\n`
        const isSql = (name: string) => name.startsWith("muster/sim/sql/")
        writeFileSync(join(shell.here(), "others.mjs"), load(modules.filter((name) => !isSql(name))))
        writeFileSync(join(shell.here(), "sql.mjs"), load(modules.filter(isSql)))
        assert.strictEqual(yield* shell.command("node others.mjs"), "false\n")
        assert.strictEqual(yield* shell.command("node sql.mjs"), "true\n")

        const lines = modules.map((name, i) => `export * as m${i} from ${JSON.stringify(name)}`)
        writeFileSync(join(shell.here(), "all.mts"), `${lines.join("\n")}\n`)
        writeFileSync(join(shell.here(), "tsconfig.json"), tsconfig)
        assert.strictEqual(yield* shell.command("tsc"), "")
      }),
    limitMs
  )

  it.effect("has what a user needs, and neither sources nor tests", () =>
    Effect.map(PackedProject, ({ files }) => {
      const needed = ["bin/muster.js", "dist/runtime/muster.js", "dist/sim/index.js", "docs/simulator.md", "LICENSE"]
      assert.includeMembers(Array.from(files), needed)
      const folders = new Set(files.filter((path) => path.includes("/")).map((path) => path.replace(/\/.*/, "")))
      assert.deepStrictEqual(Array.from(folders).toSorted(), ["bin", "dist", "docs"])
      assert.deepStrictEqual(
        files.filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts")),
        []
      )
    })
  )
})
