/**
 * Traps for what leaves the simulated world: the machine's clock, randomness, timers, network and promises.
 *
 * A run is synchronous, so whatever calls one of these globals during it is the program under test or a library that
 * it uses. The call is noted with its place in the source and refused with an error, since its answer could not be
 * replayed. Calls by Node's own internals (a write to the console, say) go through.
 *
 * Not trapped: code that took a global into a variable before the run, `await` on a native promise outside of any
 * Effect (nothing can observe it), `node:` modules, and what is rarer than the list below (`process.nextTick`,
 * `process.hrtime`, `AbortSignal.timeout`, `MessageChannel`, `Atomics.wait`). Such a run shows as a deadlock or as a
 * replay that differs.
 */

/** The first call that left the simulated world. */
export interface Escape {
  /** What was called: `Math.random`, `setTimeout` .. */
  readonly api: string
  /** What a program uses in its place. */
  readonly instead: string
  /** The first frame outside Effect and the simulator: `function (file:line:column)`; else the fiber; else "". */
  readonly place: string
}

/** The defect with which a trapped call dies. */
export class EscapeError extends Error {
  override readonly name = "EscapeError"
}

/** Notes a call from within the program, and tells whether it is one. */
type Caught = (api: string, instead: string) => boolean

type Anything = (...args: ReadonlyArray<unknown>) => unknown

interface Trap {
  readonly owner: object
  readonly key: string
  readonly api: string
  readonly instead: string
  /** Instead of the real one, for calls that go through: made for each run. */
  readonly makeOwn?: () => Anything
  /** Done with the receiver of a call that is refused. */
  readonly refused?: (real: Anything, self: unknown) => void
}

const timers = "use Effect.sleep, Effect.timeout or a Schedule"
const promises = "use an Effect; wrap foreign promises in a service that the simulation replaces"
const clock = "use Clock.currentTimeMillis or DateTime.now"
const random = "use Effect's Random"

/** Effect hashes what has no hash of its own by a random number, which decides the order in a hash set. */
const identityHash = /\/effect\/(?:dist|src)\/Hash\./

/** The same numbers in each run, spread by the golden ratio. */
const makeNumbers = () => {
  let drawn = 0
  return () => (Math.imul(++drawn, 0x9e3779b1) >>> 0) / 2 ** 32
}

/** Nobody waits for it any more; Node would end the process if it fails. */
const handle: Trap["refused"] = (then, promise) => {
  const nothing = () => {}
  Reflect.apply(then, promise, [nothing, nothing])
}

const traps: ReadonlyArray<Trap> = [
  { owner: Math, key: "random", api: "Math.random", instead: random, makeOwn: makeNumbers },
  { owner: Date, key: "now", api: "Date.now", instead: clock },
  { owner: performance, key: "now", api: "performance.now", instead: "use Clock.monotonicTimeNanos" },
  { owner: globalThis, key: "setTimeout", api: "setTimeout", instead: timers },
  { owner: globalThis, key: "setInterval", api: "setInterval", instead: timers },
  { owner: globalThis, key: "setImmediate", api: "setImmediate", instead: "use Effect.yieldNow" },
  { owner: globalThis, key: "queueMicrotask", api: "queueMicrotask", instead: "use Effect.yieldNow" },
  { owner: globalThis, key: "fetch", api: "fetch", instead: "use HttpClient" },
  { owner: Promise.prototype, key: "then", api: "a promise", instead: promises, refused: handle },
  { owner: crypto, key: "getRandomValues", api: "crypto.getRandomValues", instead: random },
  { owner: crypto, key: "randomUUID", api: "crypto.randomUUID", instead: random }
]

interface Original {
  readonly trap: Trap
  readonly descriptor: PropertyDescriptor | undefined
}

/**
 * Runs `body` with the traps set and gives the first escape, if any. Sets everything back however the body ends.
 * `fiberInCharge` names the running fiber, for calls that Effect makes on behalf of the program (`Effect.promise`).
 */
export const trapped = <A>(
  body: () => A,
  fiberInCharge: () => string
): { readonly value: A; readonly escape: Escape | undefined } => {
  let escape: Escape | undefined
  const caught: Caught = (api, instead) => {
    const frames = callerFrames()
    if (frames[0] === undefined || frames[0].includes("node:internal")) return false
    if (api === "Math.random" && identityHash.test(frames[0])) return false
    escape ??= { api, instead, place: frames.find((frame) => !isInternal(frame)) ?? fiberInCharge() }
    return true
  }
  const originals = traps.map((trap) => install(trap, caught))
  // Whatever stands there now goes back: a test may have put a false clock of its own in place.
  const realDate = globalThis.Date
  globalThis.Date = trapDate(realDate, caught)
  try {
    return { value: body(), escape }
  } finally {
    globalThis.Date = realDate
    for (const original of originals) restore(original)
  }
}

/** What to tell about an escape, in one sentence. */
export const describeEscape = (escape: Escape): string =>
  `the program left the simulated world through ${escape.api}` +
  `${escape.place === "" ? "" : ` at ${escape.place}`}: ${escape.instead}`

const install = (trap: Trap, caught: Caught): Original => {
  const descriptor = Object.getOwnPropertyDescriptor(trap.owner, trap.key)
  const real: unknown = Reflect.get(trap.owner, trap.key)
  if (isFunction(real)) {
    const passed = trap.makeOwn?.() ?? real
    const value = function (this: unknown, ...args: ReadonlyArray<unknown>): unknown {
      if (!caught(trap.api, trap.instead)) return Reflect.apply(passed, this, args)
      trap.refused?.(real, this)
      throw new EscapeError(`${trap.api} during a simulated run: ${trap.instead}`)
    }
    Object.defineProperty(trap.owner, trap.key, { value, configurable: true, writable: true, enumerable: false })
  }
  return { trap, descriptor }
}

const restore = ({ trap, descriptor }: Original): void => {
  if (descriptor === undefined) Reflect.deleteProperty(trap.owner, trap.key)
  else Object.defineProperty(trap.owner, trap.key, descriptor)
}

/** `new Date(x)` is a calculation and stays; `new Date()` and `Date()` read the machine's clock. */
const trapDate = (real: DateConstructor, caught: Caught): DateConstructor =>
  new Proxy(real, {
    construct: (target, args, newTarget) => {
      if (args.length === 0 && caught("new Date()", clock))
        throw new EscapeError(`new Date() during a simulated run: ${clock}`)
      const made: unknown = Reflect.construct(target, args, newTarget)
      if (!(made instanceof Object)) throw new TypeError("Date: a constructor gave no object")
      return made
    },
    apply: (target, self, args) => {
      if (caught("Date()", clock)) throw new EscapeError(`Date() during a simulated run: ${clock}`)
      const text: unknown = Reflect.apply(target, self, args)
      return text
    }
  })

const isFunction = (value: unknown): value is Anything => typeof value === "function"

/** The frames above the trap, innermost first, without the leading "at". */
const callerFrames = (): ReadonlyArray<string> => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 40
  const stack = new Error().stack ?? ""
  Error.stackTraceLimit = limit
  const frames = stack
    .split("\n")
    .slice(1)
    .map((line) => line.trim().replace(/^at /, ""))
    // Test runners load a module again by a query in its URL; it is no part of the place.
    .map((frame) => frame.replace(/\?[^:)]*/, ""))
    .filter((frame) => !frame.includes(ownFile))
  // What lies below is the code that started the run, and not the program.
  const start = frames.findLastIndex((frame) => frame.includes(kernelFile))
  return start < 0 ? frames : frames.slice(0, start)
}

/** This file and the kernel's as they stand in frames, without their endings: they are built to JavaScript too. */
const ownFile = import.meta.url.replace(/\.[^./]+$/, ".")
const kernelFile = ownFile.replace(/[^/]+$/, "Kernel.")
const tracerFile = ownFile.replace(/[^/]+$/, "SimTracer.")

const isInternal = (frame: string): boolean =>
  frame.includes("/node_modules/effect/") ||
  frame.includes("node:") ||
  frame.includes(kernelFile) ||
  frame.includes(tracerFile) ||
  frame.startsWith("Reflect.") ||
  frame.startsWith("new Promise") ||
  frame.includes("(<anonymous>)")
