/** `muster activity`: who attempted what, from the log of a running console, for administrators. */
import { Console, Effect, Option, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import type { ActivityEntry } from "../../core/domain/ActivityEntry.ts"
import { ActivityOutcome } from "../../core/domain/ActivityEntry.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as Output from "../Output.ts"
import { cell, table } from "../Table.ts"
import type { Cell, Colour } from "../Table.ts"
import * as Remote from "./Remote.ts"
import { wrongUsage } from "./Usage.ts"

const entriesDefault = 50

/** The largest page of the API. */
const entriesMax = 1_000

const filter = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.optional, Flag.withDescription(description))

const flags = {
  actor: filter("actor", "Only what this one attempted"),
  action: filter("action", "Only this action, such as processes.operate"),
  node: filter("node", "Only on this node"),
  process: filter("process", "Only on this process, as group:name"),
  requestId: filter("request-id", "Only of this request"),
  text: filter("text", "Somewhere in actor, action, node, process or detail"),
  from: filter("from", "Only from then on: 2030-01-31 or 2030-01-31T12:00:00Z"),
  to: filter("to", "Only before"),
  outcome: Flag.Literals("outcome", ActivityOutcome.literals).pipe(Flag.optional),
  limit: Flag.Int("limit").pipe(
    Flag.withDefault(entriesDefault),
    Flag.withDescription(`So many of the newest, at most ${entriesMax}`)
  ),
  csv: Flag.Boolean("csv").pipe(Flag.withDefault(false), Flag.withDescription("All that match, oldest first, as CSV")),
  ...Remote.flags
}

const heads = ["TIME", "ACTOR", "ACTION", "TARGET", "OUTCOME", "DETAIL"]

const colours: Partial<Record<ActivityOutcome, Colour>> = { failed: "red", denied: "red", timeout: "yellow" }

const row = (entry: ActivityEntry): ReadonlyArray<Cell> => [
  cell(entry.at),
  cell(entry.actor),
  cell(entry.action),
  cell([entry.node, entry.process].filter((part) => part !== undefined).join("/")),
  cell(entry.outcome, colours[entry.outcome]),
  cell([entry.detail, entry.code].filter((part) => part !== undefined).join(", "))
]

type Given = Readonly<
  Record<"actor" | "action" | "node" | "process" | "requestId" | "text" | "from" | "to", Option.Option<string>>
> & {
  readonly outcome: Option.Option<ActivityOutcome>
}

/** Those filters that were given. */
const queryOf = (given: Given) => {
  const text = (key: string, value: Option.Option<string>) =>
    Option.match(value, { onNone: () => ({}), onSome: (some) => ({ [key]: some }) })
  return {
    ...text("actor", given.actor),
    ...text("action", given.action),
    ...text("node", given.node),
    ...text("process", given.process),
    ...text("request_id", given.requestId),
    ...text("text", given.text),
    ...text("from", given.from),
    ...text("to", given.to),
    ...Option.match(given.outcome, { onNone: () => ({}), onSome: (outcome) => ({ outcome }) })
  }
}

export const activity = Command.make("activity", flags, ({ csv, json, limit, url, ...given }) =>
  Effect.gen(function* () {
    if (csv && json) return yield* wrongUsage("give --csv or --json, not both")
    if (limit < 1 || limit > entriesMax) return yield* wrongUsage(`--limit is ${limit}, expected 1 to ${entriesMax}`)
    const query = queryOf(given)
    yield* Remote.withRemote(url, ({ ask, client }) => {
      if (csv) return Effect.flatMap(ask(client.activity.export({ query: { ...query, format: "csv" } })), written)
      return Effect.flatMap(ask(client.activity.list({ query: { ...query, limit } })), ({ entries }) =>
        Console.log(json ? JSON.stringify(entries, undefined, 2) : table(heads, entries.map(row)))
      )
    })
  })
).pipe(Command.withDescription("Show who attempted what on a running console"))

const broken = new ExitStatus({ status: 1, message: "the export broke off: it is not complete" })

/** As it comes, no faster than its reader takes it. */
const written = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>) =>
  bytes.pipe(
    Stream.decodeText(),
    Stream.runForEach(Output.write),
    Effect.catch((error) => (error instanceof Output.OutputClosed ? Effect.void : Effect.fail(broken)))
  )
