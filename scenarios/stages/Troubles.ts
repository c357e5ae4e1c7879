/**
 * What services behind the endpoints can fail with: every reason of every typed error, a bug, and the end of the
 * console. Each is met by one request, is known by the id of that, and names it.
 */
import { Effect } from "effect"
import * as fc from "fast-check"
import { AccountsUnknown, TooMany, TooManyAttempts } from "../../core/auth/Accounts.ts"
import { ReloadFailed } from "../../core/config/Settings.ts"
import * as NodeErrors from "../../core/domain/NodeError.ts"
import { BadSelection } from "../../core/fleet/Batches.ts"
import { RequestId, statusByCode } from "../../core/http/ErrorBody.ts"
import type { ErrorCode } from "../../core/http/ErrorBody.ts"
import { JobRefused } from "../../core/jobs/JobPool.ts"
import { BudgetExceeded } from "../../core/resources/FiberBudget.ts"
import { DatabaseError } from "../../core/storage/DatabaseError.ts"
import type { DatabaseReason } from "../../core/storage/DatabaseError.ts"
import type { Meets } from "./AppModels.ts"

/** Of a conversation with a node; `who` asked. */
const nodeReasons = {
  node_unreachable: (who: string) => new NodeErrors.Unreachable({ detail: `ECONNREFUSED for ${who}` }),
  "node_unreachable half way": (who: string) => new NodeErrors.ConnectionLost({ detail: `ECONNRESET for ${who}` }),
  node_timeout: () => new NodeErrors.TimedOut({ afterMs: 6_000 }),
  node_unauthorized: () => new NodeErrors.Unauthorized({}),
  "node_invalid_reply of a status": () => new NodeErrors.HttpStatus({ status: 500 }),
  "node_invalid_reply of a size": () => new NodeErrors.TooLarge({ limitBytes: 5 }),
  node_invalid_reply: (who: string) => new NodeErrors.Malformed({ detail: `nonsense for ${who}` }),
  node_shutting_down: () => new NodeErrors.ShuttingDown({}),
  node_refused: (who: string) => new NodeErrors.Fault({ code: 50, name: "SPAWN_ERROR", text: `SPAWN_ERROR: ${who}` }),
  node_circuit_open: () => new NodeErrors.CircuitOpen({ retryAfterMs: 1_500 }),
  node_busy: () => new NodeErrors.Busy({ callsMax: 4, waitingMax: 64 }),
  node_wrong_identity: (who: string) => new NodeErrors.WrongIdentity({ expected: "supervisor", found: who }),
  node_unsupported: () => new NodeErrors.Unsupported({ what: "logs" })
} as const satisfies Readonly<Record<string, (who: string) => NodeErrors.NodeErrorReason>>

const databaseCodes = {
  Unavailable: "database_unavailable",
  Unwritable: "database_unavailable",
  Exhausted: "database_busy",
  TimedOut: "database_timeout",
  Unacknowledged: "database_timeout",
  Conflict: "internal",
  Failed: "internal"
} as const satisfies Readonly<Record<DatabaseReason, ErrorCode>>

const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>, is: (key: string) => key is K) =>
  Object.keys(record).filter(is)

const nodeNames = keysOf(nodeReasons, (name): name is keyof typeof nodeReasons => Object.hasOwn(nodeReasons, name))
const databaseNames = keysOf(databaseCodes, (name): name is DatabaseReason => Object.hasOwn(databaseCodes, name))

/** What the next calls of each kind meet. */
export const drawnTrouble = fc.record({
  afterMs: fc.nat(3),
  node: fc.constantFrom("nothing", ...nodeNames, ...nodeNames),
  database: fc.constantFrom("nothing", ...databaseNames),
  other: fc.constantFrom("nothing", "nothing", "nothing", "refused", "a bug", "the end", "accounts unknown")
})
export type Trouble = ReturnType<typeof drawnTrouble.generate>["value"]

/** What a request met. */
export interface Met {
  readonly name: string
  /** The error has to be answered with one of these. */
  readonly codes: ReadonlyArray<ErrorCode>
}

export interface Meeting {
  readonly meets: Meets
  /** What the request of this id met, if it met anything. */
  readonly by: (requestId: string) => Met | undefined
}

/** Calls of each kind meet the troubles one after another, and over again. `hush` is in what no answer may hold. */
export const meet = (troubles: ReadonlyArray<Trouble>, hush: string): Meeting => {
  const met = new Map<string, Met>()
  let calls = 0
  const next = <E>(of: (met: Trouble, who: string) => Effect.Effect<void, E>): Effect.Effect<void, E> =>
    Effect.suspend(() => {
      const found = troubles[calls++ % troubles.length]
      if (found === undefined) return Effect.void
      return Effect.flatMap(RequestId, (who) => Effect.andThen(Effect.sleep(found.afterMs), of(found, who)))
    })
  const fails = <E>(who: string, what: Met, error: E): Effect.Effect<never, E> =>
    Effect.suspend(() => {
      met.set(who, what)
      return Effect.fail(error)
    })
  const common = ({ other }: Trouble, who: string): Effect.Effect<void> => {
    if (other === "a bug") {
      const bug = new Error(`${hush}: a bug for ${who}`)
      return Effect.andThen(
        Effect.sync(() => met.set(who, { name: other, codes: ["internal"] })),
        Effect.die(bug)
      )
    }
    if (other !== "the end") return Effect.void
    return Effect.andThen(
      Effect.sync(() => met.set(who, { name: other, codes: ["shutting_down"] })),
      Effect.interrupt
    )
  }
  /** Meets what is common to all calls, and then an error where there is one. */
  const meeting = <E>(errorOf: (met: Trouble, who: string) => readonly [Met, E] | undefined) =>
    next((trouble, who): Effect.Effect<void, E> => {
      const found = errorOf(trouble, who)
      return Effect.andThen(common(trouble, who), found === undefined ? Effect.void : fails(who, ...found))
    })
  const refused = <E>(code: ErrorCode, error: E) =>
    meeting(({ other }) => (other === "refused" ? [{ name: code, codes: [code] }, error] : undefined))
  return {
    by: (requestId) => met.get(requestId),
    meets: {
      node: meeting(nodeTrouble),
      operation: meeting((trouble, who): readonly [Met, NodeErrors.NodeError | BudgetExceeded] | undefined =>
        trouble.other === "refused"
          ? [{ name: "a budget", codes: ["overloaded"] }, new BudgetExceeded({ component: "operations", max: 1 })]
          : nodeTrouble(trouble, who)
      ),
      accounts: next(({ other }, who): Effect.Effect<void, AccountsUnknown> => {
        const unknown: Met = { name: other, codes: ["database_unavailable"] }
        return other === "accounts unknown" ? fails(who, unknown, new AccountsUnknown({})) : Effect.void
      }),
      database: meeting(({ database: reason }, who) => {
        if (reason === "nothing") return undefined
        const detail = `${hush}: ECONNREFUSED for ${who}`
        const error = new DatabaseError({ operation: `Test.${who}`, reason, detail })
        return [{ name: `database ${reason}`, codes: [databaseCodes[reason]] }, error]
      }),
      login: refused("too_many_attempts", new TooManyAttempts({ by: "account", retryAfterMs: 1_000 })),
      making: refused("too_many_accounts", new TooMany({ what: "users", max: 1 })),
      batch: meeting(batchTrouble),
      reload: refused("config_invalid", new ReloadFailed({ field: "nodes[0].tls_ca", detail: "is no PEM" }))
    }
  }
}

const nodeTrouble = ({ node: name }: Trouble, who: string): readonly [Met, NodeErrors.NodeError] | undefined => {
  if (name === "nothing") return undefined
  const code = codeOf(name.split(" ", 1)[0] ?? "")
  const reason = nodeReasons[name](who)
  return [{ name, codes: [code] }, new NodeErrors.NodeError({ operation: `call for ${who}`, reason })]
}

const batchTrouble = ({ afterMs, other }: Trouble): readonly [Met, BadSelection | JobRefused] | undefined => {
  if (other !== "refused") return undefined
  const limits = { runningMax: 1, waitingMax: 1 }
  switch (afterMs) {
    case 0:
      return [{ name: "a full pool", codes: ["too_many_batches"] }, new JobRefused({ reason: "full", ...limits })]
    case 1:
      return [{ name: "a closing pool", codes: ["shutting_down"] }, new JobRefused({ reason: "closing", ...limits })]
    default: {
      const error = new BadSelection({ reason: "nothing", items: 0, itemsMax: 1 })
      return [{ name: "nothing selected", codes: ["nothing_selected"] }, error]
    }
  }
}

const isCode = (name: string): name is ErrorCode => Object.hasOwn(statusByCode, name)

const codeOf = (name: string): ErrorCode => (isCode(name) ? name : "internal")
