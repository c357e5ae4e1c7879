import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Comparison } from "../../../reports/Comparison.ts"
import { type CheckPageExtra, checkPage } from "../../../reports/html/CheckPage.ts"
import type { MutantsReport } from "../../../reports/MutantsReport.ts"
import { requirements } from "../../../reports/Requirements.ts"
import { describeInBrowser, Browser, inPage } from "../../support/Browser.ts"
import { temporaryFile } from "../../support/TemporaryFolder.ts"
import { samplePicture } from "./SamplePicture.ts"
import { holdingReport, sampleFailure, sampleReport } from "./SampleReport.ts"

const hostile = `</script><img src=x onerror="document.title='broken'"><!--'"&\u0000`

const comparison: Comparison = {
  against: { version: "0.0.9", seed: 0, seeds: 50 },
  newlyFailing: ["P2"],
  newlyHolding: [],
  newlyReached: [],
  noLongerReached: [{ property: "P1", mark: "a client was silent for too long" }],
  slower: [{ property: "P1", beforeMs: 1.04, nowMs: 46.8 }],
  added: [],
  gone: ["P9"]
}

const mutants: MutantsReport = {
  tool: "muster",
  format: 1,
  version: "0.1.0",
  seed: 0,
  seeds: 500,
  mutants: [
    { id: "racy-count", what: "the count is kept beside the set", property: "P1", caught: true, runs: 3, seconds: 1 },
    { id: "never-gone", what: "nobody is ever removed", property: "P1", caught: false, runs: 500, seconds: 9 }
  ]
}

const extra: CheckPageExtra = { comparison, mutants, requirements }

/** The text of a page, one space between words. */
const textOf = (page: string): string =>
  page
    .replace(/<script[\s\S]*?<\/script>|<style[\s\S]*?<\/style>|<noscript>[\s\S]*?<\/noscript>/g, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")

const hostileReport = {
  ...sampleReport,
  version: hostile,
  strategy: hostile,
  uncontrolled: [hostile],
  properties: sampleReport.properties.map((property) => ({
    ...property,
    id: `${property.id}${hostile}`,
    title: hostile,
    reason: hostile,
    faults: { [hostile]: 3 },
    sometimes: { [hostile]: 3 },
    unreached: [hostile],
    ...(property.failure === undefined
      ? {}
      : {
          failure: {
            ...sampleFailure,
            message: hostile,
            story: hostile,
            token: hostile,
            picture: { ...samplePicture(50), message: hostile }
          }
        })
  }))
}

describe("the page of a result", () => {
  it("says in its headline how many hold, and which fails", () => {
    const text = textOf(checkPage(sampleReport, extra))
    assert.include(text, "5 of 8 properties hold, 1 fails, 1 ended early, 1 not run")
    assert.include(text, "P2 delivery order client 3 was sent 44 after 41")
    assert.include(textOf(checkPage(holdingReport, { requirements })), "All 5 properties hold")
    assert.include(textOf(checkPage({ ...sampleReport, properties: [] }, { requirements })), "Nothing was checked")
  })

  it("says what the bounds of PCT mean, and when they mean nothing", () => {
    const text = textOf(checkPage(sampleReport, extra))
    assert.include(text, "A bug that needs 1 ordering would have been missed with a chance of at most 7 %.")
    assert.include(text, "Of bugs that need 2 or 3 orderings these runs say next to nothing")
    assert.notInclude(text, "needs 2 orderings would")
  })

  it("tells what was tried, what was not reached, and which mutants were caught", () => {
    const text = textOf(checkPage(sampleReport, extra))
    assert.include(text, "50 runs of 1,234,567 steps and 3 min 5 s of virtual time together")
    assert.include(text, "a client was silent for too long : not reached")
    assert.include(text, "the count is kept beside the set caught after 3 runs")
    assert.include(text, "nobody is ever removed not caught in 500 runs")
    assert.include(text, "PostgreSQL does not answer")
  })

  it("tells what has changed, and that nothing has", () => {
    const text = textOf(checkPage(sampleReport, extra))
    assert.include(text, "Newly failing: P2")
    assert.include(text, "P1 (1.0 ms a run before, 46.8 ms now)")
    const none = { ...comparison, newlyFailing: [], noLongerReached: [], slower: [], gone: [] }
    assert.include(textOf(checkPage(sampleReport, { ...extra, comparison: none })), "Nothing has changed.")
    assert.notInclude(textOf(checkPage(sampleReport, { requirements })), "earlier result")
  })

  it("has a row for each requirement that is checked, and names the others", () => {
    const page = checkPage(sampleReport, extra)
    assert.include(textOf(page), "2 of 50 requirements are checked")
    assert.include(textOf(page), "48 not checked here")
    assert.include(page, `aria-label="P2 fails"`)
  })

  it("gives the lines that replay a failure, and none in the real world", () => {
    const text = textOf(checkPage(sampleReport, extra))
    assert.include(text, `npx muster replay ${sampleFailure.token}`)
    assert.include(text, `npx muster replay ${sampleFailure.shrunkToken}`)
    assert.include(text, "Orderings that it needs")
    const { shrunkToken: _, picture: __, ...rest } = sampleFailure
    const real = checkPage(
      {
        ...sampleReport,
        world: "real",
        uncontrolled: ["the clock of the machine"],
        properties: sampleReport.properties.map((property) =>
          property.failure === undefined ? property : { ...property, failure: { ...rest, token: "" } }
        )
      },
      extra
    )
    assert.notInclude(textOf(real), "npx muster replay")
    assert.include(textOf(real), "the clock of the machine")
  })

  it("is the same for the same result", () =>
    assert.strictEqual(checkPage(sampleReport, extra), checkPage(structuredClone(sampleReport), extra)))

  it("keeps text as text, wherever it comes from", () => {
    const page = checkPage(hostileReport, {
      requirements: [{ id: "R1.1", text: hostile }],
      mutants: { ...mutants, mutants: mutants.mutants.map((each) => ({ ...each, what: hostile })) },
      comparison: { ...comparison, gone: [hostile], newlyFailing: [hostile], against: { version: hostile, seed: 0 } }
    })
    assert.notInclude(page, "<img")
    assert.notInclude(page, "<!--")
    assert.notInclude(page, "\u0000")
    // One block of data for the picture, and the script.
    assert.lengthOf(page.match(/<\/script/g) ?? [], 2)
  })
})

const written = (page: string) => temporaryFile("index.html", page)

describeInBrowser("the page of a result in a browser", (it) => {
  for (const width of [1280, 390]) {
    it.effect(`needs nothing, complains of nothing, and fits into ${width} px`, () =>
      Effect.gen(function* () {
        const { open } = yield* Browser
        const { complaints, page, requests } = yield* open(yield* written(checkPage(sampleReport, extra)), { width })
        const sizes = yield* inPage(() =>
          page.evaluate(() => {
            for (const details of document.querySelectorAll("details")) details.open = true
            return document.documentElement.scrollWidth
          })
        )
        assert.strictEqual(sizes, width)
        assert.deepStrictEqual(complaints, [])
        assert.deepStrictEqual(requests, [])
      })
    )
  }

  it.effect("runs nothing that a text holds", () =>
    Effect.gen(function* () {
      const { open } = yield* Browser
      const { complaints, page, requests } = yield* open(yield* written(checkPage(hostileReport, extra)))
      assert.include(yield* inPage(() => page.title()), "properties hold")
      assert.strictEqual(yield* inPage(() => page.locator("img").count()), 0)
      assert.deepStrictEqual([...complaints, ...requests], [])
    })
  )

  it.effect("filters and sorts the properties", () =>
    Effect.gen(function* () {
      const { open } = yield* Browser
      const { page } = yield* open(yield* written(checkPage(sampleReport, extra)))
      const rows = page.locator(".summary tbody tr:visible th")
      yield* inPage(() => page.getByLabel("Status").first().selectOption("failed"))
      assert.deepStrictEqual(yield* inPage(() => rows.allInnerTexts()), ["P2 delivery order"])
      yield* inPage(() => page.getByLabel("Status").first().selectOption(""))
      yield* inPage(() => page.locator(".summary").getByRole("button", { name: "Runs" }).click())
      assert.match((yield* inPage(() => rows.allInnerTexts()))[0] ?? "", /^P4/)
      yield* inPage(() => page.locator(".summary").getByRole("button", { name: "Runs" }).click())
      assert.match((yield* inPage(() => rows.allInnerTexts())).at(-1) ?? "", /^P4/)
    })
  )

  it.effect("opens a property that a link leads to", () =>
    Effect.gen(function* () {
      const { open } = yield* Browser
      const { page } = yield* open(yield* written(checkPage(sampleReport, extra)))
      const inside = page.locator("#property-P5")
      assert.isFalse(yield* inPage(() => inside.isVisible()))
      yield* inPage(() => page.locator(".summary").getByRole("link", { name: "P5" }).click())
      yield* inPage(() => inside.waitFor({ state: "visible" }))
      assert.isTrue(yield* inPage(() => inside.isVisible()))
    })
  )

  it.effect("says that it copied the line, or how to", () =>
    Effect.gen(function* () {
      const { open } = yield* Browser
      const { page } = yield* open(yield* written(checkPage(sampleReport, extra)))
      const button = page.locator("button[data-copy]").first()
      yield* inPage(() => button.click())
      yield* inPage(() => button.filter({ hasText: /^(?:Copied|Press Ctrl\+C)$/ }).waitFor())
      assert.include(["Copied", "Press Ctrl+C"], yield* inPage(() => button.innerText()))
    })
  )

  it.effect("steps through a picture only when it has the focus", () =>
    Effect.gen(function* () {
      const { open } = yield* Browser
      const { page } = yield* open(yield* written(checkPage(sampleReport, extra)))
      const place = page.locator("[data-part=place]")
      yield* inPage(() => page.locator("h1").click())
      yield* inPage(() => page.keyboard.press("ArrowLeft"))
      assert.match(yield* inPage(() => place.innerText()), /^Event 1,500 of 1,500/)
      yield* inPage(() => page.locator("[data-part=lanes]").focus())
      yield* inPage(() => page.keyboard.press("ArrowLeft"))
      assert.match(yield* inPage(() => place.innerText()), /^Event 1,499 of 1,500/)
    })
  )

  it.effect("is readable without scripts", () =>
    Effect.gen(function* () {
      const { open } = yield* Browser
      const { page } = yield* open(yield* written(checkPage(sampleReport, extra)), { javaScriptEnabled: false })
      assert.strictEqual(yield* inPage(() => page.locator(".events li").count()), 1_500)
      assert.strictEqual(yield* inPage(() => page.locator(".summary tbody tr:visible").count()), 8)
      assert.strictEqual(yield* inPage(() => page.locator("button:visible").count()), 0)
    })
  )
})
