/**
 * Sweeps on worker threads. A module says by `programs` which programs it has; a pool starts threads that load this
 * very module, and gives them parts of a sweep to do. Nothing about a result depends on how many threads there are: the
 * runs of a round are planned before any of them begins, and counted in their order.
 *
 * A pool of one worker does the work in this thread, some runs at a time, and starts none. There, a run and the
 * shrinking of a failure each hold up everything else for as long as they take.
 *
 * @example
 * // Programs.ts
 * export const programs = Workers.programs(import.meta.url, (name) => ({ "lost update": lostUpdate })[name])
 * // anywhere else
 * const pool = yield* Workers.pool(programs, { workers: 4 })
 * const { failure } = yield* Workers.check(pool, "lost update", { runs: 10_000 })
 */
import { parentPort, Worker, workerData } from "node:worker_threads"
import type { MessagePort } from "node:worker_threads"
import { Effect } from "effect"
import type { Scope } from "effect"
import { describeError } from "./DescribeError.ts"
import { mapPlanned, perform, plannedOf, WorkerError } from "./Job.ts"
import type { Answer, FindProgram, Job } from "./Job.ts"
import type { Pool, Thread } from "./PoolCheck.ts"
import { positiveInteger } from "./Run.ts"
import type { PlannedRun } from "./Strategy.ts"
import { strategyNamed } from "./strategies/Strategies.ts"

export { check } from "./PoolCheck.ts"
export type { Pool, PoolCheckOptions, PoolCheckResult, SweepProgress, Thread } from "./PoolCheck.ts"
export { WorkerError } from "./Job.ts"
export type { FailureReport, FindProgram, Program, ShrunkReport } from "./Job.ts"

/** Programs that threads of their own can run: the module that declares them, and how to find one. */
export interface Programs {
  readonly url: string
  readonly find: FindProgram
}

/**
 * Declares the programs of a module; `url` is its `import.meta.url`. On a worker thread of a pool of this module it
 * waits for work from then on, so it belongs at the top level of the module, which should do nothing else when loaded.
 */
export const programs = (url: string, find: FindProgram): Programs => {
  const declared = { url: plainUrl(url), find }
  if (parentPort !== null && isStarted(workerData, declared.url)) serve(find, parentPort)
  return declared
}

/** A pool of so many workers; its threads start at once, all at the same time, and end with the scope. */
export const pool = (
  { find, url }: Programs,
  options: { readonly workers: number }
): Effect.Effect<Pool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const workers = positiveInteger("workers", options.workers)
    if (workers === 1) return { threads: [inThisThread(find)] }
    return { threads: yield* Effect.forEach(Array.from({ length: workers }), () => startThread(url)) }
  })

/** Others get their turn before each job: timers, signals, and whoever wants to end this. */
const inThisThread = (find: FindProgram): Thread => ({
  ask: (job) => Effect.map(Effect.yieldNow, () => perform(find, job))
})

const startThread = (url: string): Effect.Effect<Thread, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new WorkerThread(url)),
      (worker) => worker.end
    ),
    (worker) => ({
      ask: (job) => {
        const unknown = plannedOf(job).find(({ strategy }) => strategyNamed(strategy.name) === undefined)
        if (unknown !== undefined) {
          const { name } = unknown.strategy
          const message = `a worker thread does not find the strategy ${name} by its name: use one worker`
          return new WorkerError({ program: job.name, reason: "unknown-strategy", message })
        }
        return Effect.mapError(worker.ask(mapPlanned(job, pack)), (why) => {
          const message = `${job.name}: a worker thread ended while it did ${describeJob(job)}: ${why}`
          return new WorkerError({ program: job.name, reason: "ended", message })
        })
      }
    })
  )

const describeJob = (job: Job): string => {
  const seeds = plannedOf(job).map(({ seed }) => seed)
  const [first = 0] = seeds
  const last = seeds.at(-1) ?? first
  return first === last ? `the run of seed ${first}` : `the runs of seeds ${first} to ${last}`
}

/** A planned run as it travels: a strategy is made of functions, its name is not. */
interface Packed {
  readonly seed: number
  readonly strategy: string
  readonly explore: boolean
}

const pack = ({ seed, strategy }: PlannedRun): Packed => ({
  seed,
  strategy: strategy.name,
  explore: strategy.branches !== undefined
})

const unpack = ({ explore, seed, strategy }: Packed): PlannedRun => {
  const found = strategyNamed(strategy, explore)
  if (found === undefined) throw new Error(`Workers: the strategy ${strategy} was known to the pool, and is not here`)
  return { seed, strategy: found }
}

interface Question {
  readonly musterQuestion: number
  readonly job: Job<Packed>
}

interface Reply {
  readonly musterReply: number
  readonly answer: Answer
}

/** A program may send messages of its own; those are not for us. */
const isQuestion = (message: unknown): message is Question =>
  typeof message === "object" && message !== null && "musterQuestion" in message

const isReply = (message: unknown): message is Reply =>
  typeof message === "object" && message !== null && "musterReply" in message

/** One thread, asked one at a time. It may be asked before it is ready. */
class WorkerThread {
  private readonly worker: Worker
  private asked = 0
  private ended: string | undefined
  private onReply: (reply: Reply) => void = () => {}
  private onEnd: (why: string) => void = () => {}

  constructor(url: string) {
    this.worker = new Worker(new URL(url), { workerData: { musterPrograms: url } })
    this.worker.on("message", (message: unknown) => {
      if (isReply(message)) this.onReply(message)
    })
    // An end after an error comes as an error and then as an exit: the first tells more.
    const end = (why: string) => {
      this.ended ??= why
      this.onEnd(this.ended)
    }
    this.worker.on("error", (error: unknown) => end(describeError(error)))
    this.worker.on("exit", (status) => end(`exit status ${status}`))
  }

  /** Fails with why the thread has ended. An interrupted question is still worked on; its answer is dropped. */
  ask(job: Job<Packed>): Effect.Effect<Answer, string> {
    return Effect.callback((resume) => {
      if (this.ended !== undefined) return resume(Effect.fail(this.ended))
      const number = ++this.asked
      this.onReply = ({ answer, musterReply }) => {
        if (musterReply === number) resume(Effect.succeed(answer))
      }
      this.onEnd = (why) => resume(Effect.fail(why))
      const nothing: ReadonlyArray<never> = []
      this.worker.postMessage({ musterQuestion: number, job } satisfies Question, nothing)
    })
  }

  /** Ends the thread, whatever it is doing. */
  get end(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.ended !== undefined) return resume(Effect.void)
      this.onEnd = () => resume(Effect.void)
      void this.worker.terminate()
    })
  }
}

/** Test runners load a module again by a query in its URL. */
const plainUrl = (url: string): string => url.replace(/[?#].*$/, "")

/** Whether this thread was started for the programs of that module. */
const isStarted = (data: unknown, url: string): boolean =>
  typeof data === "object" && data !== null && "musterPrograms" in data && data.musterPrograms === url

const serve = (find: FindProgram, port: MessagePort): void => {
  port.on("message", (message: unknown) => {
    if (!isQuestion(message)) return
    const answer = perform(find, mapPlanned(message.job, unpack))
    port.postMessage({ musterReply: message.musterQuestion, answer } satisfies Reply)
  })
}
