/**
 * What core/, sim/ and scenarios/ may not touch, because a simulated run could not replay it: the machine's clock,
 * randomness, timers, promises and network, and ways to run an effect outside of the fiber in charge.
 */
import type { Finding } from "./Finding.ts"
import { defaultExport, descendants, type Reference, references, wholeModule } from "./References.ts"
import type { SourceFile } from "./SourceFile.ts"

const zones: ReadonlyArray<string> = ["core/", "sim/", "scenarios/"]

const timers = "Effect.sleep, Effect.timeout or a Schedule"
const clock = "Clock.currentTimeMillis or DateTime.now"
const random = "effect's Random"
const promise = "an Effect (Effect.callback, Deferred), and keep promises in runtime/"

/** Globals, and what to use in place of each. */
const globals: ReadonlyMap<string, string> = new Map([
  ["Date", clock],
  ["performance", "Clock.monotonicTimeNanos"],
  ["setTimeout", timers],
  ["setInterval", timers],
  ["clearTimeout", "an interrupt of the fiber that sleeps"],
  ["clearInterval", "an interrupt of the fiber that repeats"],
  ["setImmediate", "Effect.yieldNow"],
  ["clearImmediate", "an interrupt of the fiber that yields"],
  ["queueMicrotask", "Effect.yieldNow"],
  ["process", "Config for settings, and a service of runtime/ for the rest"],
  ["crypto", `${random}, or the Secrets service`],
  ["fetch", "effect's HttpClient"],
  ["XMLHttpRequest", "effect's HttpClient"],
  ["WebSocket", "effect's Socket"],
  ["EventSource", "effect's HttpClient and Sse"],
  ["Promise", promise],
  ["console", "Effect.log or effect's Console"],
  ["require", "an import"],
  ["WeakRef", "a scope with a finalizer: when garbage is collected differs from run to run"],
  ["FinalizationRegistry", "a scope with a finalizer: when garbage is collected differs from run to run"],
  ["globalThis", "the thing itself, by a service"],
  ["global", "the thing itself, by a service"],
  ["self", "the thing itself, by a service"],
  ["window", "the thing itself, by a service"]
])

/** Members of globals that are fine apart from these. */
const members: ReadonlyMap<string, string> = new Map([["Math.random", random]])

/** Everything of a file that a simulated run could not replay. */
export const checkDeterminism = (file: SourceFile): ReadonlyArray<Finding> => {
  if (!zones.some((zone) => file.path.startsWith(zone))) return []
  const used = references(file.program)
  return [
    ...used.flatMap((reference) => (reference.binding === undefined ? checkGlobal(file, reference) : [])),
    ...used.flatMap((reference) => checkEffectMember(file, reference)),
    ...checkEffectImports(file),
    ...checkAsync(file)
  ]
}

const checkGlobal = (file: SourceFile, reference: Reference): ReadonlyArray<Finding> => {
  const instead = globals.get(reference.name)
  const names = memberPaths(reference)
  if (instead !== undefined) {
    const shown = names[0] ?? reference.name
    return [finding(file, reference.start, reference.name, `${shown} is not simulated, use ${instead}`)]
  }
  return names.flatMap((name) => {
    const other = members.get(name)
    return other === undefined ? [] : [finding(file, reference.start, name, `${name} is not simulated, use ${other}`)]
  })
}

/** `Math.random` for `Math.random()`, `Math["random"]` and `const { random } = Math`; deeper ones as long paths. */
const memberPaths = (reference: Reference): ReadonlyArray<string> => {
  let path = reference.name
  let inner: { readonly start: number; readonly end: number } = {
    start: reference.start,
    end: reference.start + reference.name.length
  }
  for (const node of reference.ancestors) {
    if (node.type === "MemberExpression" && node.object.start === inner.start && node.object.end === inner.end) {
      const name =
        node.property.type === "Identifier" && !node.computed
          ? node.property.name
          : node.property.type === "Literal"
            ? String(node.property.value)
            : undefined
      if (name === undefined) break
      path = `${path}.${name}`
      inner = node
    } else if (
      node.type === "VariableDeclarator" &&
      node.init?.start === inner.start &&
      node.id.type === "ObjectPattern"
    ) {
      return node.id.properties.flatMap((each) =>
        each.type === "Property" && each.key.type === "Identifier" ? [`${path}.${each.key.name}`] : []
      )
    } else if (node.type !== "ChainExpression") {
      break
    }
  }
  return path === reference.name ? [] : [path]
}

/** Ways to run an effect or to wait for a promise. */
const runsEffect = (name: string): string | undefined =>
  /^run(?:Sync|Fork|Callback|Promise|Main)/.test(name)
    ? "the effect as a result, which the caller runs, or FiberSet.makeRuntime in a callback"
    : /promise/i.test(name)
      ? promise
      : undefined

const checkEffectMember = (file: SourceFile, reference: Reference): ReadonlyArray<Finding> => {
  const binding = reference.binding
  if (binding?._tag !== "Import" || !isEffect(binding.source)) return []
  const module = binding.source.split("/").slice(1).join("/")
  const start = [
    module,
    ...(binding.imported === wholeModule || binding.imported === defaultExport ? [] : [binding.imported])
  ]
  return memberPaths(reference).flatMap((path) => {
    const names = path.split(".").slice(1)
    const banned = names.find((name) => runsEffect(name) !== undefined)
    if (banned === undefined) return []
    const shown = [...start.filter((part) => part !== ""), ...names].join(".")
    return [finding(file, reference.start, banned, `${shown} leaves the simulated world, use ${runsEffect(banned)}`)]
  })
}

/** `import { runSync } from "effect/Effect"`: the import itself is the finding. */
const checkEffectImports = (file: SourceFile): ReadonlyArray<Finding> =>
  file.program.body.flatMap((statement) => {
    if (statement.type !== "ImportDeclaration" || statement.importKind === "type") return []
    if (!isEffect(statement.source.value)) return []
    return statement.specifiers.flatMap((each) => {
      if (each.type !== "ImportSpecifier" || each.imported.type !== "Identifier") return []
      const name = each.imported.name
      const instead = name === "ManagedRuntime" ? "a Layer, provided in runtime/" : runsEffect(name)
      return instead === undefined
        ? []
        : [finding(file, each.start, name, `${name} leaves the simulated world, use ${instead}`)]
    })
  })

const isEffect = (source: string): boolean => source === "effect" || source.startsWith("effect/")

/** Syntax that makes or awaits a promise. */
const checkAsync = (file: SourceFile): ReadonlyArray<Finding> =>
  descendants(file.program).flatMap((node) => {
    const subject =
      node.type === "AwaitExpression"
        ? "await"
        : node.type === "ImportExpression"
          ? "import()"
          : node.type === "ForOfStatement" && node.await
            ? "for await"
            : "async" in node && node.async
              ? "async"
              : undefined
    if (subject === undefined) return []
    const instead = subject === "import()" ? "a static import" : "Effect.gen, Effect.fn or a Stream"
    return [finding(file, node.start, subject, `${subject} makes promises, which are not simulated, use ${instead}`)]
  })

const finding = (file: SourceFile, start: number, subject: string, message: string): Finding => ({
  file: file.path,
  ...file.positionOf(start),
  rule: "determinism",
  subject,
  message
})
