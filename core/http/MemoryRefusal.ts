/** What is new and large is refused while memory is critically short (S27); all else goes on. */
import * as Marks from "../Marks.ts"
import type { MemoryMonitor } from "../resources/MemoryMonitor.ts"
import { Effect } from "effect"
import { retryAfterSeconds } from "../resources/FiberBudget.ts"
import { errorResponse, withRetryAfter } from "./ErrorResponse.ts"
import type { Around } from "./Middleware.ts"
import { CurrentRequest } from "./RequestFacts.ts"

/** Names of the routes that begin something which takes much memory, or takes it for long. */
const large: ReadonlySet<string> = new Set(["hub.connect", "activity.export", "batches.submit"])

const cause = "the memory in use is above limits.memory_critical"

/** `overloaded`, 503. */
const refused = Effect.map(
  errorResponse({ code: "overloaded", message: "the console is short of memory and begins nothing large now", cause }),
  withRetryAfter(retryAfterSeconds * 1000)
)

export const refusedWhenShort =
  ({ refusingUnsafe }: Pick<MemoryMonitor["Service"], "refusingUnsafe">): Around =>
  (app) =>
    Effect.flatMap(CurrentRequest, ({ route }) => {
      if (route === undefined || !large.has(route.name) || !refusingUnsafe()) return app
      Marks.reached("a request was refused for want of memory")
      return refused
    })
