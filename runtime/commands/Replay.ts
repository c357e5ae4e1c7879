/**
 * `muster replay TOKEN`: the run of a token again, and its story; or of all failures of a results file. Exit status 1
 * when it fails as it did, 2 when it cannot be replayed.
 */
import { Console, Effect, FileSystem, Option, Result, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CheckReport } from "../../reports/CheckReport.ts"
import { runPage } from "../../reports/html/RunPage.ts"
import { replay as replayToken } from "../../scenarios/Sweep.ts"
import type { Replayed } from "../../scenarios/Sweep.ts"
import { pictureOf } from "../../sim/PictureOf.ts"
import { story } from "../../sim/Story.ts"
import { counted } from "../Counted.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as ResultsFile from "../ResultsFile.ts"
import * as SweepFlags from "./SweepFlags.ts"

/** Stretches shown before `--until`, when `--last` is not given. */
const stretchesDefault = 20

const flags = {
  token: Argument.String("token-or-file").pipe(
    Argument.withDescription("A token, or the file of results that check --json has written")
  ),
  shrink: Flag.Boolean("shrink").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Shrink the run again, as check did, and tell that")
  ),
  all: Flag.Boolean("all").pipe(Flag.withDefault(false), Flag.withDescription("Tell the whole story, however long")),
  until: Flag.Int("until").pipe(
    Flag.optional,
    Flag.withDescription("Stop after this step and show what was done just before")
  ),
  last: Flag.Int("last").pipe(
    Flag.optional,
    Flag.withDescription("Show so many of the last stretches between two switches; 0 for all")
  ),
  html: Flag.File("html").pipe(Flag.optional, Flag.withDescription("Draw the run on a page, and write it to this file"))
}

export const replay = Command.make("replay", flags, ({ all, html, last, shrink, token, until }) =>
  Effect.gen(function* () {
    const options: Options = {
      all,
      shrink,
      last: yield* checked("--last", 0, last),
      until: yield* checked("--until", 1, until)
    }
    if (shrink && options.until !== undefined) {
      return yield* SweepFlags.wrongUsage("--until stops the run before its failure; give it or --shrink, not both")
    }
    const tokens = isToken(token) ? [token] : yield* tokensIn(token)
    if (tokens.length === 0) return yield* Console.log(`${token}: no failures`)
    if (Option.isSome(html) && tokens.length > 1) {
      return yield* SweepFlags.wrongUsage(
        `--html draws one run, and ${token} has ${tokens.length} failures: name a token`
      )
    }
    const draw = Option.isSome(html) ? yield* ResultsFile.openText(html.value) : undefined
    const statuses = yield* Effect.forEach(tokens, (each) => replayOne(each, options, draw))
    const status = statuses.includes(2) ? 2 : statuses.includes(1) ? 1 : 0
    if (status !== 0) return yield* new ExitStatus({ status, message: "" })
  })
).pipe(Command.withDescription("Do the run of a token again"))

interface Options {
  readonly all: boolean
  readonly shrink: boolean
  readonly last: number | undefined
  readonly until: number | undefined
}

const checked = (flag: string, min: number, given: Option.Option<number>) =>
  Option.match(given, { onNone: () => Effect.undefined, onSome: (value) => SweepFlags.atLeast(min, flag, value) })

/** Of any version: what is wrong with it is said by whoever reads it. */
const isToken = (text: string): boolean => /^m\d+\./.test(text.trim())

/** Those of all failures of a results file: of the shrunk runs where there are any. */
const tokensIn = (file: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Effect.catch(fs.readFileString(file), () =>
      SweepFlags.wrongUsage(`${file} is no token, which would begin with "m2.", and no file that can be read`)
    )
    const report = yield* Effect.catch(Schema.decodeUnknownEffect(Schema.fromJsonString(CheckReport))(text), () =>
      SweepFlags.wrongUsage(`${file} is no file of results that this version's muster check --json has written`)
    )
    return report.properties.flatMap(({ failure }) =>
      failure === undefined ? [] : [failure.shrunkToken ?? failure.token]
    )
  })

/** Events of a page at most. */
const eventsMax = 20_000

/** Tells the run, and draws it if that is asked for; gives its exit status. */
const replayOne = (token: string, options: Options, draw: ResultsFile.WriteText | undefined) =>
  Effect.gen(function* () {
    const { shrink, until } = options
    const replayed = replayToken(token, { shrink, ...(until === undefined ? {} : { until }) })
    if (Result.isFailure(replayed)) {
      yield* Console.error(`muster: ${replayed.failure.message}`)
      return 2
    }
    yield* Console.log(told(replayed.success, options))
    const { run, shrunk, subject } = replayed.success
    const of = { id: subject.name, title: subject.property.title }
    if (draw !== undefined) yield* draw(runPage(pictureOf(shrunk ?? run, { eventsMax }), of))
    return run.outcome === "done" || isCut(run, until) ? 0 : 1
  })

type Run = Replayed["run"]

/** It was given up where `--until` says. */
const isCut = ({ outcome, steps }: Run, until: number | undefined): boolean =>
  until !== undefined && outcome === "step-limit" && steps >= until

const told = ({ run: found, shrunk, subject }: Replayed, { all, last, shrink, until }: Options): string => {
  const run = shrunk ?? found
  const ended = isCut(run, until) ? "stopped" : run.outcome
  const summary =
    `${subject.name} ${subject.property.title}: ${ended} after ${counted(run.steps, "step")} and ` +
    `${counted(run.deviations.length, "deviation")}, trace ${run.traceHash}`
  const body =
    last === undefined && until === undefined
      ? [story(run, all ? { linesMax: Infinity } : {})]
      : [...stretches(run, last ?? stretchesDefault), ...(isCut(run, until) || run.message === "" ? [] : [run.message])]
  const note = shrink && shrunk === undefined && run.outcome !== "done" ? ["it could not be shrunk"] : []
  const shrunkLine = shrunk === undefined ? [] : [`shrunk: npx muster replay ${shrunk.token}`]
  return [...body, ...note, summary, ...shrunkLine].join("\n")
}

/** The last so many, or all for 0. */
const stretches = ({ trace }: Run, last: number): ReadonlyArray<string> => {
  const shown = last === 0 ? trace : trace.slice(-last)
  const before = trace.length - shown.length
  return [
    ...(before === 0 ? [] : [`.. ${before} stretches before these`]),
    ...shown.map(
      ({ atMs, fiber, name, step, steps }) =>
        `step ${step} +${steps} at ${Math.round(atMs)} ms: fiber ${fiber}${name === "" ? "" : ` in ${name}`}`
    )
  ]
}
