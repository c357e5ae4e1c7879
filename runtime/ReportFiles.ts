/** The files of a report that flags name, proven before the work whose results they take that they can be written. */
import { join } from "node:path"
import { Effect, type FileSystem, Option, Schema } from "effect"
import { CheckReport } from "../reports/CheckReport.ts"
import type { Comparison } from "../reports/Comparison.ts"
import { checkPage } from "../reports/html/CheckPage.ts"
import { junit } from "../reports/JUnit.ts"
import { markdown } from "../reports/Markdown.ts"
import type { MutantsReport } from "../reports/MutantsReport.ts"
import { requirements } from "../reports/Requirements.ts"
import type { ExitStatus } from "./ExitStatus.ts"
import * as ResultsFile from "./ResultsFile.ts"

export interface ReportPaths {
  readonly json?: Option.Option<string>
  readonly junit?: Option.Option<string>
  /** A folder for `results.json`, `junit.xml`, `summary.md` and `index.html`; it is made if it is not there. */
  readonly folder?: Option.Option<string>
}

/** What a report may show beside the results. */
export interface ReportExtra {
  readonly comparison?: Comparison
  readonly mutants?: MutantsReport
}

/** Writes all files, whole and once. */
export type WriteReport = (report: CheckReport, extra?: ReportExtra) => Effect.Effect<void, ExitStatus>

type Render = (report: CheckReport, extra: ReportExtra) => string

const json: Render = (report) => `${JSON.stringify(report, undefined, 2)}\n`

const inFolder: Readonly<Record<string, Render>> = {
  "results.json": json,
  "junit.xml": junit,
  "summary.md": markdown,
  "index.html": (report, extra) => checkPage(report, { ...extra, requirements })
}

/** With its fields in the order of the schema, wherever it is from: results that are read back give the same bytes. */
const inOrder = (report: CheckReport) => Effect.orDie(Schema.encodeEffect(CheckReport)(report))

export const open = ({
  folder = Option.none(),
  json: jsonFile = Option.none(),
  junit: junitFile = Option.none()
}: ReportPaths): Effect.Effect<WriteReport, ExitStatus, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    if (Option.isSome(folder)) yield* ResultsFile.openFolder(folder.value)
    const wanted: ReadonlyArray<readonly [file: string, render: Render]> = [
      ...Option.match(jsonFile, { onNone: () => [], onSome: (file) => [[file, json] as const] }),
      ...Option.match(junitFile, { onNone: () => [], onSome: (file) => [[file, junit] as const] }),
      ...Option.match(folder, {
        onNone: () => [],
        onSome: (path) => Object.entries(inFolder).map(([name, render]) => [join(path, name), render] as const)
      })
    ]
    const opened = yield* Effect.forEach(wanted, ([file, render]) =>
      Effect.map(ResultsFile.openText(file), (write) => ({ write, render }))
    )
    return (given: CheckReport, extra: ReportExtra = {}) =>
      Effect.flatMap(inOrder(given), (report) =>
        Effect.forEach(opened, ({ render, write }) => write(render(report, extra)), { discard: true })
      )
  })
