import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { runPage } from "../../../reports/html/RunPage.ts"
import { describeInBrowser, Browser, inPage } from "../../support/Browser.ts"
import { temporaryFile } from "../../support/TemporaryFolder.ts"
import { samplePicture } from "./SamplePicture.ts"

const of = { id: "P2", title: "delivery order" }

const hostile = `</script><img src=x onerror="document.title='broken'"><!--`

const hostilePicture = {
  ...samplePicture(50),
  message: hostile,
  token: hostile,
  notes: { [hostile]: hostile },
  lanes: samplePicture(50).lanes.map((lane) => ({ ...lane, label: `${hostile}${lane.label}` })),
  events: samplePicture(50).events.map((event) => ({ ...event, text: hostile }))
}

describe("the page of a run", () => {
  it("says how it ended, how to replay it, and what it drew", () => {
    const page = runPage(samplePicture(50), of)
    assert.include(page, "The run fails")
    assert.include(page, "npx muster replay m1.AAECAwQFBgcICQoLDA0ODw")
    assert.include(page, "network reset, network delay")
    assert.include(runPage(samplePicture(50, "done"), of), "The run ends well")
  })

  it("is the same for the same picture", () =>
    assert.strictEqual(runPage(samplePicture(50), of), runPage(samplePicture(50), of)))

  it("keeps text as text", () => {
    const page = runPage(hostilePicture, { id: hostile, title: hostile })
    assert.notInclude(page, "<img")
    assert.notInclude(page, "<!--")
    assert.lengthOf(page.match(/<\/script/g) ?? [], 2)
  })
})

/** Drawing a step, or a filter over all events, on a slow machine that has other work. */
const promptMs = 1_000

const placeOf = (page: Page) => inPage(() => page.locator("[data-part=place]").innerText())

const press = (page: Page, ...keys: ReadonlyArray<string>) =>
  Effect.forEach(keys, (key) => inPage(() => page.keyboard.press(key)), { discard: true })

const opened = Effect.fnUntraced(function* (events: number, width: number = 1280) {
  const { open } = yield* Browser
  return yield* open(yield* temporaryFile("run.html", runPage(samplePicture(events), of)), { width })
})

describeInBrowser("the page of a run in a browser", (it) => {
  for (const width of [1280, 390]) {
    it.effect(`needs nothing, complains of nothing, and fits into ${width} px`, () =>
      Effect.gen(function* () {
        const { complaints, page, requests } = yield* opened(1_500, width)
        assert.strictEqual(yield* inPage(() => page.evaluate(() => document.documentElement.scrollWidth)), width)
        assert.isAbove(yield* inPage(() => page.locator(".lanes svg .event").count()), 5)
        assert.deepStrictEqual([...complaints, ...requests], [])
      })
    )
  }

  it.effect("steps by keys and by buttons, in lanes and list at once", () =>
    Effect.gen(function* () {
      const { page } = yield* opened(1_500)
      assert.match(yield* placeOf(page), /^Event 1,500 of 1,500/)
      yield* press(page, "Home", "ArrowRight", "ArrowRight", "ArrowLeft")
      assert.match(yield* placeOf(page), /^Event 2 of 1,500/)
      yield* inPage(() => page.getByRole("button", { name: "Next" }).click())
      assert.match(yield* placeOf(page), /^Event 3 of 1,500/)
      assert.strictEqual(yield* inPage(() => page.locator(".line.current").getAttribute("aria-posinset")), "3")
      assert.strictEqual(yield* inPage(() => page.locator(".lanes .event.current").count()), 1)
      yield* inPage(() => page.locator(".line[aria-posinset='7']").click())
      assert.match(yield* placeOf(page), /^Event 7 of 1,500/)
      yield* press(page, "End")
      assert.match(yield* placeOf(page), /^Event 1,500 of 1,500/)
    })
  )

  it.effect("jumps to faults and switches, and says when there are no more", () =>
    Effect.gen(function* () {
      const { page } = yield* opened(200)
      const now = page.locator("[data-part=now]")
      yield* press(page, "Home", "f")
      assert.match(yield* inPage(() => now.innerText()), /^fault/)
      yield* press(page, "s")
      assert.match(yield* inPage(() => now.innerText()), /^switch/)
      yield* press(page, "Home", "Shift+f")
      assert.strictEqual(yield* placeOf(page), "There is no fault before this event.")
    })
  )

  it.effect("filters by kind, by lane and by words", () =>
    Effect.gen(function* () {
      const { page } = yield* opened(1_500)
      const all = samplePicture(1_500).events
      const messages = all.filter(({ kind }) => kind === "message").length
      yield* inPage(() => page.locator("input[value=message]").uncheck())
      assert.match(yield* placeOf(page), new RegExp(`${messages} filtered out`))
      yield* inPage(() => page.locator("input[value=message]").check())
      const label = samplePicture(1).lanes[3]?.label ?? "no lane"
      const ofLane = all.filter(({ lane, to }) => lane === 3 || to === 3).length
      yield* inPage(() => page.locator("[data-part=lane]").selectOption("3"))
      assert.match(yield* placeOf(page), new RegExp(` of ${ofLane},`))
      assert.include(yield* inPage(() => page.locator(".lanes svg").innerHTML()), label)
      yield* inPage(() => page.locator("[data-part=lane]").selectOption("-1"))
      yield* inPage(() => page.locator("[data-part=text]").fill("no such words"))
      assert.strictEqual(yield* placeOf(page), "No event passes this filter.")
      // Keys that are typed into the field are words, not steps.
      yield* inPage(() => page.locator("[data-part=text]").fill(""))
      yield* press(page, "f", "ArrowLeft")
      assert.strictEqual(yield* inPage(() => page.locator("[data-part=text]").inputValue()), "f")
    })
  )

  it.effect("stays prompt with 20,000 events, of which few are in the document", () =>
    Effect.gen(function* () {
      const { complaints, page } = yield* opened(20_000)
      const tookMs = (act: string) =>
        inPage(() =>
          page.evaluate((command) => {
            const before = performance.now()
            if (command === "filter") document.querySelector<HTMLElement>("input[value=stretch]")?.click()
            else document.querySelector<HTMLElement>(`[data-do="${command}"]`)?.click()
            // Reading a size makes the browser lay out what was drawn.
            document.body.getBoundingClientRect()
            return performance.now() - before
          }, act)
        )
      for (const act of ["first", "next", "next-fault", "last", "previous", "filter"]) {
        assert.isBelow(yield* tookMs(act), promptMs, act)
      }
      assert.isBelow(yield* inPage(() => page.locator("*").count()), 2_000)
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.effect("runs nothing that a text holds", () =>
    Effect.gen(function* () {
      const { open } = yield* Browser
      const file = yield* temporaryFile("run.html", runPage(hostilePicture, { id: hostile, title: hostile }))
      const { complaints, page, requests } = yield* open(file)
      yield* press(page, "Home", "ArrowRight")
      assert.include(yield* inPage(() => page.locator("[data-part=now]").innerText()), "<img src=x")
      assert.strictEqual(yield* inPage(() => page.locator("img").count()), 0)
      assert.notStrictEqual(yield* inPage(() => page.title()), "broken")
      assert.deepStrictEqual([...complaints, ...requests], [])
    })
  )

  it.effect("prints the words of many events", () =>
    Effect.gen(function* () {
      const { page } = yield* opened(1_500)
      yield* inPage(() => page.pdf())
      const lines = yield* inPage(() =>
        page.evaluate(() => {
          dispatchEvent(new Event("beforeprint"))
          return document.querySelectorAll(".line").length
        })
      )
      assert.strictEqual(lines, 1_000)
    })
  )
})
