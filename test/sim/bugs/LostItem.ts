/** The order that shows it: the worker is interrupted when it has taken a job and not yet done it. */
import { Effect, Fiber, Queue } from "effect"
import { must } from "./Bug.ts"
import type { Bug } from "./Bug.ts"

const invoices = ["invoice 1", "invoice 2", "invoice 3"] as const

/** `next` does one job of the queue. */
const redeployment = (
  next: (jobs: Queue.Queue<string>, handle: (job: string) => Effect.Effect<void>) => Effect.Effect<unknown>
) =>
  Effect.gen(function* () {
    const jobs = yield* Queue.bounded<string>(4)
    yield* Queue.offerAll(jobs, invoices)
    const sent = new Set<string>()
    const send = Effect.fnUntraced(function* (job: string) {
      yield* Effect.yieldNow
      sent.add(job)
    })
    const worker = Effect.fn("worker")(() => Effect.forever(next(jobs, send)))
    const old = yield* Effect.forkChild(worker())
    yield* Effect.yieldNow
    yield* Fiber.interrupt(old)
    while ((yield* Queue.size(jobs)) > 0) yield* next(jobs, send)
    const lost = invoices.filter((invoice) => !sent.has(invoice))
    yield* must(lost.length === 0, () => `${lost.join(", ")} was lost with the worker that had taken it`)
  })

export const lostItem: Bug = {
  name: "lost item",
  what: "A job is taken off the queue before it is done, and lost when its worker is interrupted.",
  buggy: redeployment((jobs, handle) => Effect.flatMap(Queue.take(jobs), handle)),
  fixed: redeployment((jobs, handle) =>
    Queue.peek(jobs).pipe(Effect.flatMap(handle), Effect.andThen(Queue.take(jobs)))
  ),
  shows: { outcome: "failed", message: "was lost with the worker" }
}
