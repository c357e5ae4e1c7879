/** How many requests may be under way (S26): what is beyond is answered at once, and nothing of it is begun. */
import { Effect } from "effect"
import { type BudgetExceeded, type FiberBudget, retryAfterSeconds } from "../resources/FiberBudget.ts"
import { errorResponse, withRetryAfter } from "./ErrorResponse.ts"
import type { Around } from "./Middleware.ts"
import { CurrentRequest } from "./RequestFacts.ts"
import type { Route } from "./Routes.ts"

/** `overloaded`, 503. */
export const overloaded = (cause: BudgetExceeded) =>
  Effect.map(
    errorResponse({
      code: "overloaded",
      message: cause.message,
      details: { component: cause.component, max: cause.max },
      cause
    }),
    withRetryAfter(retryAfterSeconds * 1000)
  )

/** The health must tell of a console with too much to do, and the hub bounds its clients itself, who stay for days. */
const isExempt = (route: Route | undefined): boolean =>
  route !== undefined && (route.name.startsWith("health.") || route.name === "hub.connect")

export const requestBudget =
  (budget: FiberBudget["Service"]): Around =>
  (app) =>
    Effect.flatMap(CurrentRequest, ({ route }) =>
      isExempt(route)
        ? app
        : Effect.flatMap(Effect.result(budget.within("requests")(Effect.exit(app))), (ended) =>
            ended._tag === "Failure" ? overloaded(ended.failure) : ended.success
          )
    )
