/**
 * Where in the source the operations of a program were built. While `withSites` is on, each new operation of the kinds
 * that touch the world (a read, a wait, a fork) remembers its stack; a report shows which function of Effect it came
 * from and the line of the program that called it.
 *
 * Effect sets the argument of an operation as a property; a setter on the prototype sees it. This depends on the
 * inside of Effect 4.1: a test guards it, and without it reports only say less.
 */
import { Effect } from "effect"

export interface Site {
  /** `Ref.get`, `Deferred.await` ..; "" when unknown. */
  readonly what: string
  /** `file.ts:7:30` of the program; "" when Effect built it by itself. */
  readonly at: string
  /** The same with its whole path. */
  readonly place: string
}

const argument = "~effect/Effect/args"

/** One operation of each kind, and the property that holds its argument. */
const kinds: ReadonlyArray<{ readonly sample: object; readonly key: string }> = [
  { sample: Effect.sync(() => 0), key: argument },
  { sample: Effect.suspend(() => Effect.void), key: argument },
  { sample: Effect.withFiber(() => Effect.void), key: argument },
  { sample: Effect.yieldNowWith(0), key: argument },
  { sample: Effect.callback(() => {}), key: "register" }
]

/** Frames kept for each operation: enough to get through Effect's own to the program's. */
const framesMax = 16

const stacks = new WeakMap<object, { readonly stack?: string }>()

/** Runs `body` while operations remember where they are built. */
export const withSites = <A>(body: () => A): A => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = framesMax
  const restore = kinds.map(({ key, sample }) => trap(Object.getPrototypeOf(sample), key))
  try {
    return body()
  } finally {
    for (const undo of restore) undo()
    Error.stackTraceLimit = limit
  }
}

const trap = (prototype: unknown, key: string): (() => void) => {
  if (!(prototype instanceof Object) || Object.hasOwn(prototype, key)) return () => {}
  Object.defineProperty(prototype, key, {
    configurable: true,
    set(this: object, value: unknown) {
      const noted: { readonly stack?: string } = {}
      Error.captureStackTrace(noted)
      stacks.set(this, noted)
      Object.defineProperty(this, key, { value, writable: true, enumerable: true, configurable: true })
    }
  })
  return () => void Reflect.deleteProperty(prototype, key)
}

/** Where this operation was built, if it was while sites were noted. */
export const siteOf = (operation: object): Site | undefined => {
  const stack = stacks.get(operation)?.stack
  if (stack === undefined) return undefined
  const frames: Array<Frame> = []
  for (const line of stack.split("\n").slice(1)) {
    const found = frame(line)
    // Below the first frame of the simulator is the run loop; who built the operation stands above it.
    if (found === undefined || found.place.includes(ownFile)) continue
    if (found.name === "new Latch") return { what: "Latch.await", at: "", place: "" }
    if (found.place.includes(clockFile)) return { what: "Effect.sleep", at: "", place: "" }
    if (found.place.includes(ownFolder) || found.place.includes(loopFile)) {
      if (found.place.includes(ownFolder) || found.name.endsWith("runLoop")) break
    }
    frames.push(found)
  }
  const program = frames.findIndex(({ place }) => !place.includes("/node_modules/") && !place.startsWith("node:"))
  const inEffect = program < 0 ? frames : frames.slice(0, program)
  // Functions that also work in a pipe go through a wrapper in Function.js.
  const named = inEffect.filter(({ place }) => !place.includes("/effect/dist/Function.js"))
  const entry = program < 0 ? named.find(({ place }) => !place.includes("/internal/")) : named.at(-1)
  const at = frames[program]?.place.replace(/\?[^:]*/, "") ?? ""
  return { what: entry === undefined ? "" : functionName(entry), at: shortPlace(at), place: at }
}

/** This file and the clock's as they stand in frames, without their endings: they are built to JavaScript too. */
const ownFile = import.meta.url.replace(/\.[^./]+$/, ".")
const clockFile = ownFile.replace(/[^/]*$/, "KernelContext.")
const ownFolder = import.meta.url.replace(/[^/]*$/, "")
const loopFile = "/effect/dist/internal/effect.js"

interface Frame {
  readonly name: string
  readonly place: string
}

const frame = (line: string): Frame | undefined => {
  const parts = /^\s*at (?:(.*) \()?([^()]+:\d+:\d+)\)?$/.exec(line)
  return parts === null ? undefined : { name: parts[1] ?? "", place: parts[2] ?? "" }
}

/** `Ref.get` for the function `get` in Effect's file `Ref.js`; the module alone where V8 knows no name. */
const functionName = ({ name, place }: Frame): string => {
  const file = /([^/]+)\.js:\d+:\d+$/.exec(place)?.[1] ?? ""
  const module = file.charAt(0).toUpperCase() + file.slice(1)
  // An argument that Effect calls as a property is named after the property.
  const isNamed = !name.endsWith("<anonymous>") && !name.includes("~effect/")
  const last = isNamed ? (/([\w$]+)(?: \[as \w+\])?$/.exec(name)?.[1] ?? "") : ""
  return last === "" ? module : `${module}.${last.replace(/^_|_$/g, "")}`
}

/** The last part of the path, with line and column. */
const shortPlace = (place: string): string => place.replace(/^.*\//, "")

export const describeSite = ({ at, what }: Site): string => (at === "" ? what : `${what} at ${at}`)
