/** A page about a result of `muster check`: one file, for people. */
import type { CheckReport } from "../CheckReport.ts"
import type { Comparison } from "../Comparison.ts"
import type { MutantsReport } from "../MutantsReport.ts"
import type { Requirement } from "../Requirements.ts"
import { changes } from "./Changes.ts"
import { headline, verdict } from "./Headline.ts"
import { type Html, html, nothing } from "./Html.ts"
import { lanesStyle } from "./LanesStyle.ts"
import { page } from "./Layout.ts"
import { matrix } from "./Matrix.ts"
import { propertySection } from "./PropertySection.ts"
import { counted } from "./Quantities.ts"
import { checkScript } from "./Script.ts"
import { style } from "./Style.ts"
import { summary } from "./Summary.ts"

export interface CheckPageExtra {
  /** With an earlier result. */
  readonly comparison?: Comparison
  readonly mutants?: MutantsReport
  /** All that there are, checked here or not. */
  readonly requirements: ReadonlyArray<Requirement>
}

/** One file of HTML that needs nothing else. The same input gives the same bytes. */
export const checkPage = (report: CheckReport, extra: CheckPageExtra): string =>
  page({
    title: `Muster: ${verdict(report)}`,
    kind: "check",
    style: `${style}\n${lanesStyle}`,
    script: checkScript,
    body: html` <main>
      ${headline(report)} ${extra.comparison === undefined ? nothing : changes(extra.comparison)}
      ${report.properties.length === 0 ? nothing : summary(report)} ${details(report, extra)}
      ${matrix(extra.requirements, report.properties)} ${footer(report, extra.mutants)}
    </main>`
  })

/** Failures first. */
const details = ({ properties, world }: CheckReport, { mutants, requirements }: CheckPageExtra): Html => {
  if (properties.length === 0) return nothing
  const failed = properties.filter(({ status }) => status === "failed")
  const others = properties.filter(({ status }) => status !== "failed")
  const section = (property: CheckReport["properties"][number]) =>
    propertySection(property, {
      world,
      requirements,
      mutants: mutants?.mutants.filter((mutant) => mutant.property === property.id) ?? []
    })
  return html` ${
    failed.length === 0
      ? nothing
      : html`<section aria-labelledby="failed">
          <h2 id="failed">What failed</h2>
          ${failed.map(section)}
        </section>`
  }
  ${
    others.length === 0
      ? nothing
      : html`<section aria-labelledby="each">
          <h2 id="each">Each property</h2>
          ${others.map(section)}
        </section>`
  }`
}

const footer = ({ format, version }: CheckReport, mutants: MutantsReport | undefined): Html => {
  const caught = mutants?.mutants.filter((mutant) => mutant.caught).length
  return html`<footer>
    <p>
      Written by muster ${version} from a result of format
      ${format}.${
        mutants === undefined
          ? ""
          : ` Mutants: ${caught} of ${mutants.mutants.length} caught within ${counted(mutants.seeds, "run")} each.`
      }
    </p>
  </footer>`
}
