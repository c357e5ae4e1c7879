/**
 * The semaphores that a run makes, so that permits which nobody gave back show as leaks. Effect's semaphore calls its
 * own `withPermits` while it is constructed; a wrapper on the prototype sees it there. This depends on the inside of
 * Effect 4.1: a test guards it, and without it permits are not accounted for.
 */
import { Semaphore } from "effect"

export interface SemaphoreRecord {
  readonly semaphore: object
  readonly maker: Maker
}

export interface Maker {
  /** The fiber that made it, as reports name it. */
  readonly by: string
  /** The simulated host of that fiber; 0 is the scenario. */
  readonly host: number
}

const prototype: unknown = Object.getPrototypeOf(Semaphore.makeUnsafe(1))
const key = "withPermits"

/** Runs `body` and gives the semaphores that were made meanwhile. */
export const notingSemaphores = <A>(
  body: () => A,
  maker: () => Maker
): { readonly value: A; readonly semaphores: ReadonlyArray<SemaphoreRecord> } => {
  const semaphores: Array<SemaphoreRecord> = []
  if (!(prototype instanceof Object)) return { value: body(), semaphores }
  const original: unknown = Reflect.get(prototype, key)
  if (!isMethod(original)) return { value: body(), semaphores }
  const known = new WeakSet<object>()
  const noting = function (this: object, ...args: ReadonlyArray<never>): unknown {
    if (!known.has(this)) {
      known.add(this)
      if (!isThrownAway()) semaphores.push({ semaphore: this, maker: maker() })
    }
    return Reflect.apply(original, this, args)
  }
  Reflect.defineProperty(prototype, key, { value: noting, configurable: true, writable: true })
  try {
    return { value: body(), semaphores }
  } finally {
    Reflect.defineProperty(prototype, key, { value: original, configurable: true, writable: true })
  }
}

/** Effect's channels and pools drop semaphores of theirs with permits taken: nobody waits for those. */
const isThrownAway = (): boolean => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = framesToMaker
  const stack = new Error().stack ?? ""
  Error.stackTraceLimit = limit
  return /\/effect\/(?:dist|src)\/(?:Channel|Pool)\./.test(stack)
}

/** This function, the wrapper, the constructor with its fields, `makeUnsafe`, and who called it. */
const framesToMaker = 6

/** What is still taken, in words; the semaphores of hosts that crashed do not count. */
export const takenPermits = (
  semaphores: ReadonlyArray<SemaphoreRecord>,
  isDead: (host: number) => boolean
): ReadonlyArray<string> =>
  semaphores.flatMap(({ maker: { by, host }, semaphore }) => {
    const taken: unknown = Reflect.get(semaphore, "taken")
    if (typeof taken !== "number" || taken <= 0 || isDead(host)) return []
    return [`${taken} taken permits of a semaphore${by === "" ? "" : ` made by ${by}`}`]
  })

const isMethod = (value: unknown): value is (...args: ReadonlyArray<never>) => unknown => typeof value === "function"
