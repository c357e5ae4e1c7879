/**
 * One session between a client and the simulated database: the wire, and the fiber of the server that answers. The
 * server's side lives with the database, so that what was sent is done even when nobody waits for it any more.
 *
 * A host may crash between any two steps of a client, so whatever both sides share changes within one step.
 */
import { Deferred, Effect, Exit, Option, Result } from "effect"
import { Signal } from "../net/Signal.ts"
import type { RunContext } from "../RunContext.ts"
import type { Rules, Verdict } from "../Rules.ts"
import { ConnectionLost } from "./ConnectionLost.ts"
import type { Patience } from "./Patience.ts"
import type { Table } from "./Engine.ts"
import type { Sqlite } from "./Sqlite.ts"
import { SqliteFailure } from "./SqliteFailure.ts"
import type { SqliteValue } from "./SqliteValue.ts"

export type Operation = "connect" | "execute" | "begin" | "commit" | "rollback"

/** What a rule is asked about: a request on its way to the database, or its reply on the way back, when it is done. */
export interface Point {
  /** Host of the client. */
  readonly host: string
  /** Numbers the sessions of the database, from 1. */
  readonly session: number
  readonly operation: Operation
  readonly phase: "request" | "reply"
  /** The statement; "" for connect. */
  readonly sql: string
}

/** What sessions know of their database. */
export interface Server {
  readonly sqlite: Sqlite
  readonly context: RunContext["Service"]
  readonly rules: Rules<Point>
  /** One way, drawn. */
  readonly latencyMs: () => number
  readonly busyTimeoutMs: number
  readonly nowMs: () => number
  /** The transaction that writes may have ended: which of those who wait is first, the schedule decides. */
  readonly freed: Signal
  /** Nobody gets in. */
  readonly isDown: () => boolean
  /** How long clients wait for their answers. */
  readonly patience: Patience
  /** Takes the session off the list of the database. */
  readonly forget: (session: Session) => void
}

type Answer = Result.Result<Table, SqliteFailure>

interface Reply {
  readonly arrivesAtMs: number
  readonly answer: Answer
}

interface Request {
  readonly _tag: "Request"
  readonly arrivesAtMs: number
  readonly operation: Operation
  readonly sql: string
  readonly params: ReadonlyArray<SqliteValue>
  /** A fault that answers in place of the database. */
  readonly failure: SqliteFailure | undefined
  readonly reply: Deferred.Deferred<Reply, ConnectionLost>
}

type Message = Request | { readonly _tag: "Close"; readonly arrivesAtMs: number }

/** What was so before a request was done. */
interface Before {
  readonly isInTransaction: boolean
  readonly commits: number
}

/** How long a client that was interrupted waits for the answer before it gives up the connection. */
const drainMs = 1_000

/** Messages under way to the server; a client that sends more waits. */
const inboxMax = 64

/** Characters of a statement in the story. */
const toldCharsMax = 60

const done: Answer = Result.succeed({ columns: [], rows: [], changes: 0 })

export class Session {
  readonly host: string
  readonly number: number
  /** Whether a transaction was open at the last answer, as the client knows it. */
  isInTransaction = false

  private readonly server: Server
  private readonly answerTimeoutMs: number
  private readonly connection
  private readonly inbox: Array<Message> = []
  /** Something came into the inbox or was taken out, or the session ended. */
  private readonly changed = new Signal()
  private readonly pending = new Set<Deferred.Deferred<Reply, ConnectionLost>>()
  private readonly holds = new Set<() => void>()
  private transactionHold: (() => void) | undefined
  private lastArrivalMs = 0
  /** The server has ended the session. */
  private isEnded = false
  /** From when on the client knows that the session has ended. */
  private lostFromMs = Infinity

  constructor(server: Server, options: SessionOptions) {
    this.server = server
    this.host = options.host
    this.number = options.number
    this.answerTimeoutMs = options.answerTimeoutMs
    this.connection = server.sqlite.open()
    this.hold("SQL session", this.name)
  }

  get name(): string {
    return `${this.host}#${this.number}`
  }

  /** A resource of the client that lasts no longer than the session; the function lets go of it. */
  hold(kind: string, what: string): () => void {
    const release = this.server.context.hold(kind, what)
    this.holds.add(release)
    return () => {
      release()
      this.holds.delete(release)
    }
  }

  // The client's side -------------------------------------------------------------------------------------------------

  /** The round trip that comes first. */
  readonly connected: Effect.Effect<void, ConnectionLost> = Effect.suspend(() =>
    Effect.asVoid(this.request("connect", "", []))
  )

  /** Whether the client knows that the session is no use any more. */
  get isLost(): boolean {
    return this.server.nowMs() >= this.lostFromMs
  }

  /**
   * Sends a statement and waits for its answer. A client that is interrupted while it waits takes the answer off the
   * wire all the same, or gives up the connection when it does not come soon; the statement is done in either case.
   */
  request(
    operation: Operation,
    sql: string,
    params: ReadonlyArray<SqliteValue>
  ): Effect.Effect<Answer, ConnectionLost> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        if (this.isLost) return yield* new ConnectionLost({ code: "ECONNRESET" })
        const reply = Deferred.makeUnsafe<Reply, ConnectionLost>()
        const expectation = this.server.patience.expect(reply, this.answerTimeoutMs)
        const sending = this.send(operation, sql, params, reply)
        if (sending !== undefined) yield* sending
        const { answer, arrivesAtMs } = yield* Effect.onExit(restore(Deferred.await(reply)), (exit) => {
          this.server.patience.over(expectation)
          if (Exit.isSuccess(exit)) {
            this.pending.delete(reply)
            return Effect.void
          }
          const after = Exit.hasInterrupts(exit) ? this.drain(reply) : this.close
          return Effect.ensuring(
            after,
            Effect.sync(() => this.pending.delete(reply))
          )
        })
        const leftMs = arrivesAtMs - this.server.nowMs()
        if (leftMs > 0) yield* restore(Effect.sleep(leftMs))
        return answer
      })
    )
  }

  /** Waits for the next rows of a long answer; each part of it may be late or lost. */
  readonly more: Effect.Effect<void, ConnectionLost> = Effect.suspend(() => {
    const verdict = this.server.rules.decide(this.point("execute", "reply", "more rows"))
    const latencyMs = this.server.latencyMs()
    if (verdict._tag === "pass") return Effect.sleep(latencyMs)
    if (verdict._tag === "delay") return Effect.sleep(latencyMs + verdict.ms)
    if (verdict._tag === "drop") return Effect.andThen(Effect.sleep(this.answerTimeoutMs), this.giveUp)
    return this.end("ECONNRESET").pipe(
      Effect.andThen(this.close),
      Effect.andThen(new ConnectionLost({ code: "ECONNRESET" }))
    )
  })

  /** Lets go of the session: the server ends it when it has done all that was sent before. */
  readonly close: Effect.Effect<void> = Effect.sync(() => this.closeUnsafe())

  closeUnsafe(): void {
    if (this.lostFromMs === -Infinity) return
    this.lostFromMs = -Infinity
    this.isInTransaction = false
    this.releaseHolds()
    this.inbox.push({ _tag: "Close", arrivesAtMs: this.arrival(0) })
    this.changed.raise()
  }

  private readonly giveUp: Effect.Effect<never, ConnectionLost> = Effect.suspend(() =>
    Effect.andThen(this.close, new ConnectionLost({ code: "ETIMEDOUT" }))
  )

  private drain(reply: Deferred.Deferred<Reply, ConnectionLost>): Effect.Effect<void> {
    return arrived(reply).pipe(
      Effect.timeoutOption(drainMs),
      Effect.flatMap((answered) => (Option.isNone(answered) ? this.close : Effect.void)),
      // The connection is lost already, and the one who asked is not there any more to hear it.
      Effect.ignore
    )
  }

  /** Sends it at once, or gives what has to be waited for before it is sent. */
  private send(
    operation: Operation,
    sql: string,
    params: ReadonlyArray<SqliteValue>,
    reply: Deferred.Deferred<Reply, ConnectionLost>
  ): Effect.Effect<void> | undefined {
    const isRefused = operation === "connect" && this.server.isDown()
    const verdict = this.server.rules.decide(this.point(operation, "request", sql))
    this.pending.add(reply)
    if (isRefused || breaksOff(verdict)) {
      const ended = this.end(operation === "connect" ? "ECONNREFUSED" : "ECONNRESET")
      return Effect.andThen(Effect.sleep(this.server.latencyMs()), ended)
    }
    // Nothing arrives, and the client learns nothing.
    if (verdict._tag === "drop") return undefined
    const failure = verdict._tag === "fail" ? SqliteFailure.of(verdict.code) : undefined
    const extraMs = verdict._tag === "delay" ? verdict.ms : 0
    const put = () => {
      const arrivesAtMs = this.arrival(extraMs)
      this.inbox.push({ _tag: "Request", arrivesAtMs, operation, sql, params, failure, reply })
      // The server may have ended the session, and the client had not heard of it yet.
      if (this.isEnded) Deferred.doneUnsafe(reply, new ConnectionLost({ code: "ECONNRESET" }))
      this.changed.raise()
    }
    const isFull = () => this.inbox.length >= inboxMax && !this.isEnded
    if (!isFull()) {
      put()
      return undefined
    }
    const room = Effect.suspend(() => this.changed.after(this.changed.now))
    return Effect.andThen(Effect.whileLoop({ while: isFull, body: () => room, step: () => {} }), Effect.sync(put))
  }

  /** When something sent now arrives: after what was sent before. */
  private arrival(extraMs: number): number {
    this.lastArrivalMs = Math.max(this.lastArrivalMs, this.server.nowMs() + this.server.latencyMs() + extraMs)
    return this.lastArrivalMs
  }

  // The server's side -------------------------------------------------------------------------------------------------

  /** Answers until the session ends. */
  readonly serve: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    while (!this.isEnded) {
      const since = this.changed.now
      const message = this.inbox.shift()
      if (message === undefined) {
        yield* this.changed.after(since)
        continue
      }
      this.changed.raise()
      const leftMs = message.arrivesAtMs - this.server.nowMs()
      if (leftMs > 0) yield* Effect.sleep(leftMs)
      if (this.isEnded) return
      if (message._tag === "Close") return yield* this.end("ECONNRESET")
      const before = this.before()
      const now = this.answer(message)
      const answer = now === "busy" ? yield* this.waitForTurn(message) : now
      this.keepStory(message, before, answer)
      if (!this.connection.isWriter) this.server.freed.raise()
      if (!this.isEnded) this.reply(message, answer)
    }
  }).pipe(
    // A defect of the model must not look like a database that does not answer.
    Effect.tapDefect((defect) =>
      Effect.sync(() => {
        for (const reply of this.pending) Deferred.doneUnsafe(reply, Effect.die(defect))
      })
    )
  )

  /** Ends the session at once: what it has not committed is rolled back, and whoever waits for an answer gets none. */
  end(code: ConnectionLost["code"]): Effect.Effect<void> {
    return Effect.sync(() => this.endUnsafe(code))
  }

  private endUnsafe(code: ConnectionLost["code"]): void {
    if (this.isEnded) return
    this.isEnded = true
    this.isInTransaction = false
    if (this.connection.isInTransaction) {
      this.server.context.tell(() => `${this.name}: connection lost, its transaction is rolled back`)
    }
    this.connection.close()
    this.releaseHolds()
    this.server.forget(this)
    // Whoever waits hears of it at once; an idle client after as long as news takes.
    const heardAfterMs = this.pending.size > 0 ? 0 : this.server.latencyMs()
    this.lostFromMs = Math.min(this.lostFromMs, this.server.nowMs() + heardAfterMs)
    for (const reply of this.pending) Deferred.doneUnsafe(reply, new ConnectionLost({ code }))
    this.changed.raise()
    this.server.freed.raise()
  }

  /** Does what was asked for, when it may: a transaction that writes keeps other writers waiting. */
  private answer({ failure, operation, params, sql }: Request): Answer | "busy" {
    if (operation === "connect") return done
    if (failure === undefined) return this.connection.attempt(sql, params)
    if (failure.endsTransaction) this.connection.rollback()
    return Result.fail(failure)
  }

  private waitForTurn(request: Request): Effect.Effect<Answer> {
    return Effect.gen({ self: this }, function* () {
      const deadlineMs = this.server.nowMs() + this.server.busyTimeoutMs
      for (;;) {
        const since = this.server.freed.now
        const answer = this.answer(request)
        if (answer !== "busy") return answer
        const leftMs = deadlineMs - this.server.nowMs()
        if (leftMs > 0 && !this.isEnded) yield* this.server.freed.within(since, leftMs, this.server.context)
        if (leftMs <= 0 || this.isEnded) return Result.fail(SqliteFailure.of("SQLITE_BUSY"))
      }
    })
  }

  private reply(request: Request, answer: Answer): void {
    const verdict = this.server.rules.decide(this.point(request.operation, "reply", request.sql))
    if (verdict._tag === "drop") return
    if (breaksOff(verdict)) return this.endUnsafe("ECONNRESET")
    const told: Answer = verdict._tag === "fail" ? Result.fail(SqliteFailure.of(verdict.code)) : answer
    this.isInTransaction = this.connection.isInTransaction
    const lateMs = verdict._tag === "delay" ? verdict.ms : 0
    const arrivesAtMs = this.server.nowMs() + this.server.latencyMs() + lateMs
    Deferred.doneUnsafe(request.reply, Effect.succeed({ answer: told, arrivesAtMs }))
  }

  private before(): Before {
    return { isInTransaction: this.connection.isInTransaction, commits: this.server.sqlite.commits }
  }

  private keepStory(request: Request, before: Before, answer: Answer): void {
    const { context, sqlite } = this.server
    const isInTransaction = this.connection.isInTransaction
    const wasInTransaction = before.isInTransaction
    if (!wasInTransaction && isInTransaction) {
      this.transactionHold ??= this.hold("SQL transaction", this.name)
      context.tell(() => `${this.name}: begins a transaction`)
    } else if (wasInTransaction && !isInTransaction) {
      const failed = Result.isFailure(answer) ? ` after ${answer.failure.message}` : ""
      context.tell(
        () => `${this.name}: ${request.operation === "commit" && failed === "" ? "commits" : `rolls back${failed}`}`
      )
    } else if (sqlite.commits !== before.commits) {
      context.tell(() => `${this.name}: commits ${request.sql.replace(/\s+/g, " ").trim().slice(0, toldCharsMax)}`)
    }
    if (!isInTransaction) {
      this.transactionHold?.()
      this.transactionHold = undefined
    }
  }

  private releaseHolds(): void {
    for (const release of this.holds) release()
    this.holds.clear()
  }

  private point(operation: Operation, phase: Point["phase"], sql: string): Point {
    return { host: this.host, session: this.number, operation, phase, sql }
  }
}

export interface SessionOptions {
  readonly host: string
  readonly number: number
  /** How long the client waits for an answer before it gives up the connection. */
  readonly answerTimeoutMs: number
}

/** Can be given up by a timeout in any region, a COMMIT for one being asked for where nothing else interrupts. */
const arrived = (reply: Deferred.Deferred<Reply, ConnectionLost>) => Effect.interruptible(Deferred.await(reply))

const breaksOff = ({ _tag }: Verdict): boolean => _tag === "reset" || _tag === "refuse" || _tag === "corrupt"
