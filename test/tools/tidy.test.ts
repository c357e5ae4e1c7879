import { assert, describe, it } from "@effect/vitest"
import { applyAllowances } from "../../tools/tidy/Allowances.ts"
import { checkDeterminism } from "../../tools/tidy/Determinism.ts"
import { type Finding, formatFinding } from "../../tools/tidy/Finding.ts"
import { checkHouses, checkOneFile } from "../../tools/tidy/Houses.ts"
import { completeLockfile, missingFromLockfile } from "../../tools/tidy/Lockfile.ts"
import { parseSource } from "../../tools/tidy/SourceFile.ts"
import { tidy } from "../../tools/tidy/Tidy.ts"

/** What tidy says about one file, without the messages. */
const found = (path: string, text: string): ReadonlyArray<string> =>
  tidy([{ path, text }]).map((each) => `${each.line}:${each.column} ${each.rule} ${each.subject}`)

const determinism = (text: string): ReadonlyArray<string> =>
  checkDeterminism(parseSource("core/X.ts", text)).map((each) => `${each.line}:${each.column} ${each.subject}`)

const houses = (path: string, ...specifiers: ReadonlyArray<string>): ReadonlyArray<string> =>
  checkHouses(parseSource(path, specifiers.map((each) => `import ${JSON.stringify(each)}`).join("\n"))).map(
    (each) => each.subject
  )

describe("messages", () => {
  it("give the place, the rule, what it is and what to use", () => {
    const [finding] = tidy([{ path: "core/X.ts", text: "\nconst now = Date.now()\n" }])
    assert(finding !== undefined)
    assert.strictEqual(
      formatFinding(finding),
      "core/X.ts:2:13 determinism: Date.now is not simulated, use Clock.currentTimeMillis or DateTime.now"
    )
  })

  it("come once for each place, in the order of files and lines", () => {
    const text = "const a = Date.now()\nconst b = Math.random()\n"
    const findings = tidy([
      { path: "sim/B.ts", text },
      { path: "core/A.ts", text }
    ])
    assert.deepStrictEqual(
      findings.map((each) => `${each.file}:${each.line}`),
      ["core/A.ts:1", "core/A.ts:2", "sim/B.ts:1", "sim/B.ts:2"]
    )
  })

  it("tell of code that cannot be read instead of passing it", () => {
    assert.deepStrictEqual(
      tidy([{ path: "core/X.ts", text: "const = 1" }]).map((each) => each.rule),
      ["syntax"]
    )
  })
})

describe("house arrows", () => {
  it("let each house import itself and those below", () => {
    assert.deepStrictEqual(houses("core/a/X.ts", "../b/Y.ts", "./Z.ts"), [])
    assert.deepStrictEqual(houses("scenarios/a/X.ts", "../../core/Y.ts", "../../sim/Z.ts", "../b/W.ts"), [])
    assert.deepStrictEqual(houses("reports/X.ts", "../scenarios/Y.ts"), [])
    assert.deepStrictEqual(houses("runtime/X.ts", "../reports/Y.ts", "../core/Z.ts", "./W.ts"), [])
    assert.deepStrictEqual(houses("test/core/X.test.ts", "../../core/X.ts", "../../sim/Y.ts", "node:fs"), [])
  })

  it("refuse imports of houses above", () => {
    const above = ["../sim/A.ts", "../scenarios/B.ts", "../reports/C.ts", "../runtime/D.ts", "../test/E.ts"]
    assert.deepStrictEqual(houses("core/X.ts", ...above), above)
    assert.deepStrictEqual(houses("sim/X.ts", "../core/A.ts"), ["../core/A.ts"])
    assert.deepStrictEqual(houses("scenarios/X.ts", "../reports/A.ts", "../runtime/B.ts"), [
      "../reports/A.ts",
      "../runtime/B.ts"
    ])
    assert.deepStrictEqual(houses("reports/X.ts", "../runtime/A.ts"), ["../runtime/A.ts"])
  })

  it("refuse core and sim in one file outside of scenarios", () => {
    assert.deepStrictEqual(houses("runtime/X.ts", "../core/A.ts", "../sim/B.ts"), ["../sim/B.ts"])
    assert.deepStrictEqual(houses("runtime/X.ts", "../sim/B.ts", "../scenarios/C.ts"), [])
  })

  it("let packages in by name", () => {
    assert.deepStrictEqual(houses("core/X.ts", "effect", "effect/http", "saxes", "xmlrpc/lib/serializer.js"), [])
    assert.deepStrictEqual(houses("core/X.ts", "xmlrpc", "fast-check", "effects", "node:fs"), [
      "xmlrpc",
      "fast-check",
      "effects",
      "node:fs"
    ])
    assert.deepStrictEqual(houses("sim/X.ts", "effect", "fast-check", "node:crypto", "node:sqlite"), [])
    assert.deepStrictEqual(houses("sim/X.ts", "node:fs", "ws"), ["node:fs", "ws"])
    assert.deepStrictEqual(houses("scenarios/X.ts", "node:sqlite"), ["node:sqlite"])
    assert.deepStrictEqual(houses("runtime/X.ts", "node:fs", "ws"), [])
  })

  it("hold for types, re-exports, dynamic and required imports, and not for text", () => {
    const text = [
      'import type { A } from "../sim/A.ts"',
      'export * from "../sim/B.ts"',
      'export { c } from "../sim/C.ts"',
      'const d = () => import("../sim/D.ts")',
      'type E = import("../sim/E.ts").E',
      'const f = require("../sim/F.ts")',
      'const g = "import x from ../sim/G.ts" // import "../sim/H.ts"'
    ].join("\n")
    assert.deepStrictEqual(
      checkHouses(parseSource("core/X.ts", text)).map((each) => `${each.line}:${each.column}`),
      ["1:24", "2:15", "3:19", "4:24", "5:17", "6:19"]
    )
  })

  it("end at the root of the repository", () => {
    assert.deepStrictEqual(houses("runtime/a/X.ts", "../../../elsewhere/Y.ts", "/etc/Z.ts"), [
      "../../../elsewhere/Y.ts",
      "/etc/Z.ts"
    ])
  })

  it("let one file of sim use a module of Node, and no second", () => {
    const source = (path: string) => parseSource(path, 'import { DatabaseSync } from "node:sqlite"')
    assert.deepStrictEqual(checkOneFile([source("sim/A.ts"), source("runtime/B.ts")]), [])
    const [second, ...others] = checkOneFile([source("sim/A.ts"), source("sim/B.ts")])
    assert.deepStrictEqual(others, [])
    assert.include(second?.message, "sim/A.ts")
    assert.strictEqual(second?.file, "sim/B.ts")
  })
})

describe("determinism", () => {
  it("refuses every global that a simulated run cannot replay", () => {
    const uses: ReadonlyArray<readonly [code: string, subject: string]> = [
      ["const a = Date.now()", "Date"],
      ["const a = new Date()", "Date"],
      ["const a = Math.random()", "Math.random"],
      ["const a = Math['random']()", "Math.random"],
      ["const a = Math?.random()", "Math.random"],
      ["const { random } = Math", "Math.random"],
      ["setTimeout(() => {}, 1)", "setTimeout"],
      ["const a = { later: setInterval }", "setInterval"],
      ["setImmediate(f)", "setImmediate"],
      ["queueMicrotask(f)", "queueMicrotask"],
      ["const a = process.env", "process"],
      ["const a = performance.now()", "performance"],
      ["const a = crypto.randomUUID()", "crypto"],
      ["const a = fetch('x')", "fetch"],
      ["const a = Promise.resolve()", "Promise"],
      ["console.log(1)", "console"],
      ["const a = new WebSocket('ws://x')", "WebSocket"],
      ["const a = globalThis.Date", "globalThis"],
      ["class A { at = Date.now() }", "Date"],
      ["const a = (at = Date.now()) => at", "Date"],
      ["const a = { Date }", "Date"],
      ["export { fetch }", "fetch"],
      ["const a = fetch satisfies unknown", "fetch"]
    ]
    for (const [code, subject] of uses) {
      assert.deepStrictEqual(
        checkDeterminism(parseSource("sim/X.ts", code)).map((each) => each.subject),
        [subject],
        code
      )
    }
  })

  it("leaves types, properties, labels and text alone", () => {
    const text = [
      "type A = { readonly Date: Date; at: typeof Date; p: Promise<void> }",
      "interface B extends Promise<string> { fetch(process: Date): Promise<void> }",
      "const a = { Date: 1, fetch() {}, process: 2, ...x.process }",
      "x.fetch(y.Date, z.console.log)",
      "process: for (;;) break process",
      "class C implements Promise<void> { Date = 1; fetch() { return this.Date } }",
      'const b = "Date.now()" // setTimeout',
      "const c = Math.max(1, 2)",
      'import { Date as When } from "./When.ts"',
      'export { Date } from "./When.ts"'
    ].join("\n")
    assert.deepStrictEqual(determinism(text), [])
  })

  it("leaves names alone that the program declares", () => {
    const text = [
      'import { Promise } from "./Promise.ts"',
      'import process, * as crypto from "./own.ts"',
      "const fetch = 1",
      "const f = ({ Date }: X, [console = 1]: Y, ...performance: Z) => [Date, console, performance, fetch]",
      "function setTimeout() { return [Promise, process, crypto, setTimeout] }",
      "for (const setInterval of y) { setInterval }",
      "try { x() } catch (globalThis) { globalThis }",
      "const g = function () { if (x) { var self = 1 } return self }",
      "switch (x) { case 1: let queueMicrotask = 1; queueMicrotask }",
      "const h = class window { m = window }"
    ].join("\n")
    assert.deepStrictEqual(determinism(text), [])
  })

  it("ends a name's scope where the block ends", () => {
    const text = [
      "{ const Date = 1; Date }",
      "Date",
      "const f = (fetch: X) => fetch",
      "fetch",
      "if (x) { var self }",
      "self"
    ]
    assert.deepStrictEqual(determinism(text.join("\n")), ["2:1 Date", "4:1 fetch"])
  })

  it("refuses promises in the syntax", () => {
    assert.deepStrictEqual(determinism("const a = async () => 1"), ["1:11 async"])
    assert.deepStrictEqual(determinism("class A { async m() {} }"), ["1:18 async"])
    assert.deepStrictEqual(determinism("await x"), ["1:1 await"])
    assert.deepStrictEqual(determinism("for await (const x of y) x"), ["1:1 for await"])
    assert.deepStrictEqual(determinism('const a = () => import("./x.ts")'), ["1:17 import()"])
    assert.deepStrictEqual(determinism("const a = function* () { yield* x }"), [])
  })

  it("refuses ways to run effects and to wait for promises, however effect is imported", () => {
    const named = 'import { Effect as E, Schema } from "effect"\n'
    assert.deepStrictEqual(determinism(`${named}E.runSync(x)`), ["2:1 runSync"])
    assert.deepStrictEqual(determinism(`${named}E.runForkWith(c)(x)`), ["2:1 runForkWith"])
    assert.deepStrictEqual(determinism(`${named}pipe(x, E.runPromiseExit)`), ["2:9 runPromiseExit"])
    assert.deepStrictEqual(determinism(`${named}E.tryPromise(f)`), ["2:1 tryPromise"])
    assert.deepStrictEqual(determinism(`${named}E.promise(f)`), ["2:1 promise"])
    assert.deepStrictEqual(determinism(`${named}const { runFork } = E`), ["2:21 runFork"])
    assert.deepStrictEqual(determinism(`${named}Schema.decodeUnknownPromise(S)(x)`), ["2:1 decodeUnknownPromise"])
    assert.deepStrictEqual(determinism('import * as F from "effect/Effect"\nF.runSync(x)'), ["2:1 runSync"])
    assert.deepStrictEqual(determinism('import * as All from "effect"\nAll.Effect.runSync(x)'), ["2:1 runSync"])
    assert.deepStrictEqual(determinism('import { runSync } from "effect/Effect"'), ["1:10 runSync"])
    assert.deepStrictEqual(determinism('import { ManagedRuntime } from "effect"'), ["1:10 ManagedRuntime"])
  })

  it("leaves other members and other people's names alone", () => {
    const text = [
      'import { Effect } from "effect"',
      'import type { ManagedRuntime } from "effect"',
      'import { Runner } from "./Runner.ts"',
      "Effect.gen(f)",
      "Runner.runSync(x)",
      "x.Effect.runSync(y)",
      "const f = (Effect: X) => Effect.runSync(x)",
      "type P = typeof Effect.runPromise"
    ].join("\n")
    assert.deepStrictEqual(determinism(text), [])
  })

  it("holds in core, sim and scenarios only", () => {
    const text = "const now = Date.now()"
    for (const house of ["core", "sim", "scenarios"]) assert.strictEqual(found(`${house}/a/X.ts`, text).length, 1)
    for (const house of ["runtime", "reports", "test", "bench", "tools"]) {
      assert.deepStrictEqual(found(`${house}/X.ts`, text), [])
    }
  })
})

describe("allowances", () => {
  const finding = (file: string, subject: string): Finding => ({
    file,
    line: 1,
    column: 1,
    rule: "determinism",
    subject,
    message: ""
  })
  const list = [{ file: "sim/Trap.ts", rule: "determinism", subjects: ["Date"], reason: "it traps it" }]
  const files = new Set(["sim/Trap.ts", "sim/X.ts"])

  it("excuse what they name, in their file, and nothing else", () => {
    const excused = finding("sim/Trap.ts", "Date")
    const others = [finding("sim/Trap.ts", "fetch"), finding("sim/X.ts", "Date")]
    assert.deepStrictEqual(applyAllowances([excused, ...others], files, list), others)
  })

  it("are findings themselves when they excuse nothing", () => {
    assert.deepStrictEqual(
      applyAllowances([], files, list).map((each) => each.rule),
      ["stale-allowance"]
    )
    assert.deepStrictEqual(applyAllowances([], new Set(["sim/X.ts"]), list), [])
  })
})

describe("text", () => {
  // Put together, so that this file does not say what it looks for.
  const elsewhere = ["", "work", "notes.md"].join("/")
  const shared = ["..", "shared", "style.md"].join("/")
  const home = ["", "home", "ada", "x"].join("/")

  it("refuses paths of one machine in any file", () => {
    assert.deepStrictEqual(found("docs/a.md", `See ${elsewhere} and\n[here](${shared}), ${home}`), [
      `1:5 outside-link ${elsewhere}`,
      `2:8 outside-link ${shared}`,
      `2:29 outside-link ${home}`
    ])
    assert.deepStrictEqual(found("test/fixtures/a.xml", `<a>${home}</a>`), [`1:4 outside-link ${home}</a>`])
  })

  it("leaves paths of the repository and of any machine alone", () => {
    const text = "docs/work.md ./shared/x ../core/shared.ts /etc/supervisor /tmp/x https://example.com/home/x"
    assert.deepStrictEqual(found("docs/a.md", text), [])
  })

  const leftover = ["TO", "DO"].join("")

  it("refuses leftovers in comments and prose, not in strings", () => {
    assert.deepStrictEqual(found("core/X.ts", `const a = 1 // ${leftover}: more`), [`1:16 leftover ${leftover}`])
    assert.deepStrictEqual(found("docs/a.md", `one\n${leftover} two`), [`2:1 leftover ${leftover}`])
    assert.deepStrictEqual(found("core/X.ts", `const a = "${leftover}"`), [])
    assert.deepStrictEqual(found(".ci/run", `mktemp ${"X".repeat(6)}`), [])
  })

  it("refuses lines of more than 120 characters, unless they cannot be broken", () => {
    const words = "// " + "word ".repeat(24)
    assert.deepStrictEqual(found("core/X.ts", words.slice(0, 120)), [])
    assert.deepStrictEqual(found("core/X.ts", `${words}words`), ["1:121 line-length 128"])
    assert.deepStrictEqual(found("core/X.ts", `// see https://example.com/${"x".repeat(120)}`), [])
    assert.deepStrictEqual(found("docs/a.md", `${words}words`), [])
    assert.deepStrictEqual(found("core/X.ts", `// ${"😀".repeat(60)}`), [])
  })

  it("refuses files of more than 400 lines of code, comments and tests apart", () => {
    const code = "export const a = 1\n"
    assert.deepStrictEqual(found("core/X.ts", code.repeat(400)), [])
    assert.deepStrictEqual(found("core/X.ts", code.repeat(401)), ["1:1 file-length 401"])
    assert.deepStrictEqual(found("core/X.ts", `/*\n${"\n".repeat(50)}*/\n// b\n\n${code.repeat(400)}`), [])
    assert.deepStrictEqual(found("test/X.test.ts", code.repeat(401)), [])
  })
})

describe("tests", () => {
  const tested = (text: string) => found("test/X.test.ts", text)

  it("may not keep others from running", () => {
    assert.deepStrictEqual(tested('it.only("a", f)'), ["1:1 focused-test it.only"])
    assert.deepStrictEqual(tested('describe.only("a", f)'), ["1:1 focused-test describe.only"])
    assert.deepStrictEqual(tested('it.effect.only("a", f)'), ["1:1 focused-test it.effect.only"])
    assert.deepStrictEqual(tested('it.only.each([1])("a", f)'), ["1:1 focused-test it.only.each"])
    assert.deepStrictEqual(tested('it("only", () => x.only())'), [])
  })

  it("say why they are skipped", () => {
    assert.deepStrictEqual(tested('it.skip("a", f)'), ["1:1 skipped-test it.skip"])
    assert.deepStrictEqual(tested('it("a", (ctx) => ctx.skip())'), ["1:18 skipped-test ctx.skip"])
    assert.deepStrictEqual(tested('it("a", (ctx) => ctx.skip(x))'), ["1:18 skipped-test ctx.skip"])
  })

  it("may be skipped with a reason, or by a condition", () => {
    assert.deepStrictEqual(tested('// supervisord 3 has no such call\nit.skip("a", f)'), [])
    assert.deepStrictEqual(tested("it.skip(`${a} [skipped: no supervisord here]`)"), [])
    assert.deepStrictEqual(tested('it("a", (ctx) => ctx.skip(x, "no supervisord here"))'), [])
    assert.deepStrictEqual(tested('it.skipIf(x)("a", f)'), [])
    assert.deepStrictEqual(tested("iterator.skip()"), [])
  })
})

describe("lockfile", () => {
  const lockfile = (held: Record<string, unknown>) => ({
    name: "x",
    packages: {
      "": { dependencies: { tool: "1.0.0" } },
      "node_modules/tool": {
        version: "1.0.0",
        dev: true,
        dependencies: { part: "^2.0.0" },
        optionalDependencies: { "@tool/linux-x64-musl": "1.0.0", "@tool/darwin-arm64": "1.0.0" }
      },
      "node_modules/tool/node_modules/part": { version: "2.1.0" },
      ...held
    }
  })

  it("is whole when everything that is asked for is held", () => {
    const held = { "node_modules/@tool/linux-x64-musl": {}, "node_modules/@tool/darwin-arm64": {} }
    assert.deepStrictEqual(missingFromLockfile(lockfile(held)), [])
  })

  it("tells of builds that a registry left out", () => {
    const text = JSON.stringify(lockfile({}), null, 2)
    const findings = tidy([{ path: "package-lock.json", text }])
    assert.deepStrictEqual(
      findings.map((each) => `${each.line} ${each.rule} ${each.subject}`),
      ["9 lockfile @tool/linux-x64-musl", "9 lockfile @tool/darwin-arm64"]
    )
  })

  it("gets them back with the version asked for and the platform in the name", () => {
    const whole = completeLockfile(lockfile({}))
    assert.deepStrictEqual(missingFromLockfile(whole), [])
    assert.deepInclude(whole, {
      packages: {
        ...lockfile({}).packages,
        "node_modules/@tool/darwin-arm64": {
          version: "1.0.0",
          cpu: ["arm64"],
          dev: true,
          optional: true,
          os: ["darwin"]
        },
        "node_modules/@tool/linux-x64-musl": {
          version: "1.0.0",
          cpu: ["x64"],
          dev: true,
          libc: ["musl"],
          optional: true,
          os: ["linux"]
        }
      }
    })
  })

  it("never invents a package that has to be there", () => {
    const broken = { packages: { "": { dependencies: { tool: "1.0.0" } } } }
    assert.deepStrictEqual(completeLockfile(broken), broken)
    assert.deepStrictEqual(
      missingFromLockfile(broken).map((each) => each.name),
      ["tool"]
    )
  })
})
