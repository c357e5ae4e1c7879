/**
 * `muster report`: the results of the shards of a sweep, or of a whole one, as files for people and for CI. Exit status
 * 1 when a property failed, as `muster check` of them all would have, 2 when a file cannot be read or they do not go
 * together.
 */
import { join } from "node:path"
import { Console, Effect, FileSystem, Option, type Result } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { compare } from "../../reports/Comparison.ts"
import { merge } from "../../reports/Merge.ts"
import { readCheckReport, readMutantsReport } from "../../reports/ReadResults.ts"
import type { UnreadableResults } from "../../reports/ReadResults.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as ReportFiles from "../ReportFiles.ts"
import { wrongUsage } from "./Usage.ts"

const flags = {
  results: Argument.String("results").pipe(
    Argument.withDescription("Files that check --json has written: of every shard, or of a whole sweep"),
    Argument.atLeast(1)
  ),
  out: Flag.Directory("out").pipe(
    Flag.withDescription("Folder for results.json, junit.xml, summary.md and index.html")
  ),
  against: Flag.File("against").pipe(Flag.optional, Flag.withDescription("Earlier results to compare with")),
  mutants: Flag.File("mutants").pipe(Flag.optional, Flag.withDescription("What mutants --json has written"))
}

export const report = Command.make("report", flags, ({ against, mutants, out, results }) =>
  Effect.gen(function* () {
    const [first, ...others] = yield* Effect.forEach(results, (file) =>
      Effect.map(read(readCheckReport, file), (each) => ({ file, report: each }))
    )
    if (first === undefined) return yield* wrongUsage("name the files of results")
    const merged = yield* orStatus2(merge([first, ...others]))
    const before = yield* optional(against, readCheckReport)
    const tried = yield* optional(mutants, readMutantsReport)
    const write = yield* ReportFiles.open({ folder: Option.some(out) })
    yield* write(merged, {
      ...(before === undefined ? {} : { comparison: compare(merged, before) }),
      ...(tried === undefined ? {} : { mutants: tried })
    })
    const { properties } = merged
    const held = properties.filter(({ status }) => status === "holds").length
    const hold = properties.length === 1 ? "property holds" : "properties hold"
    yield* Console.log(`${held} of ${properties.length} ${hold}: ${join(out, "index.html")}`)
    const failed = properties.flatMap(({ id, status }) => (status === "failed" ? [id] : []))
    if (failed.length > 0) return yield* new ExitStatus({ status: 1, message: `failed: ${failed.join(", ")}` })
  })
).pipe(Command.withDescription("Merge results of shards and render them: HTML, Markdown, JUnit XML, JSON"))

type Reader<A> = (file: string, text: string) => Result.Result<A, UnreadableResults>

const orStatus2 = <A>(result: Result.Result<A, { readonly message: string }>): Effect.Effect<A, ExitStatus> =>
  Effect.catch(Effect.fromResult(result), ({ message }) => wrongUsage(message))

const read = <A>(reader: Reader<A>, file: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Effect.catch(fs.readFileString(file), (error) =>
      wrongUsage(`${file}: cannot be read: ${error.reason._tag === "NotFound" ? "no such file" : error.message}`)
    )
    return yield* orStatus2(reader(file, text))
  })

const optional = <A>(file: Option.Option<string>, reader: Reader<A>) =>
  Option.match(file, { onNone: () => Effect.undefined, onSome: (path) => read(reader, path) })
