/**
 * Debian's Chromium for tests of pages: one process for the tests of a file, with a profile of its own.
 *
 * Where Chromium is not installed the tests that need it are skipped, and say so in their name; with
 * MUSTER_REQUIRE_ALL=1 they fail instead. These tests use the real clock: declare them with `describeInBrowser`.
 */
import { existsSync } from "node:fs"
import { it, layer, type Vitest } from "@effect/vitest"
import { Context, Data, Effect, Layer, type Scope } from "effect"
import { type Browser as Chromium, chromium, type Page } from "playwright-core"

/** The browser did not do what it was told. */
export class BrowserError extends Data.TaggedError("BrowserError")<{ readonly message: string }> {}

export interface OpenPage {
  readonly page: Page
  /** What went wrong in the page: errors of scripts and lines of its console. */
  readonly complaints: ReadonlyArray<string>
  /** Addresses that it asked for, its own file aside. */
  readonly requests: ReadonlyArray<string>
}

const path = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((each) =>
  existsSync(each)
)

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** A step in the browser. */
export const inPage = <A>(step: () => Promise<A>): Effect.Effect<A, BrowserError> =>
  Effect.tryPromise({ try: step, catch: (error) => new BrowserError({ message: String(error) }) })

export class Browser extends Context.Service<
  Browser,
  {
    /** Opens a file in a window of that width; the page closes with the scope. */
    readonly open: (
      file: string,
      options?: { readonly width?: number; readonly javaScriptEnabled?: boolean }
    ) => Effect.Effect<OpenPage, BrowserError, Scope.Scope>
  }
>()("test/Browser") {
  static readonly layer: Layer.Layer<Browser, BrowserError> = Layer.effect(
    Browser,
    Effect.suspend(() =>
      Effect.map(
        Effect.acquireRelease(launch, (browser) => Effect.promise(() => browser.close())),
        (browser) => Browser.of({ open: open(browser) })
      )
    )
  )
}

const launch = Effect.suspend(() =>
  path === undefined
    ? Effect.fail(new BrowserError({ message: "MUSTER_REQUIRE_ALL=1, but Chromium is not installed" }))
    : inPage(() => chromium.launch({ executablePath: path, args, headless: true }))
)

const open =
  (browser: Chromium) =>
  (file: string, { javaScriptEnabled = true, width = 1280 } = {}) =>
    Effect.gen(function* () {
      const context = yield* Effect.acquireRelease(
        inPage(() => browser.newContext({ javaScriptEnabled, viewport: { width, height: 900 } })),
        (each) => Effect.promise(() => each.close())
      )
      const page = yield* inPage(() => context.newPage())
      const complaints: Array<string> = []
      const requests: Array<string> = []
      const own = `file://${file}`
      page.on("console", (line) => complaints.push(`${line.type()}: ${line.text()}`))
      page.on("pageerror", (error) => complaints.push(String(error)))
      page.on("request", (request) => {
        if (request.url() !== own && !request.url().startsWith("data:")) requests.push(request.url())
      })
      yield* inPage(() => page.goto(own))
      return { page, complaints, requests }
    })

/** Tests in the browser, on the real clock. Skipped by name, or failing, where there is none. */
export const describeInBrowser = (name: string, tests: (it: Vitest.MethodsNonLive<Browser>) => void): void => {
  const isSkipped = path === undefined && process.env["MUSTER_REQUIRE_ALL"] !== "1"
  return isSkipped
    ? it.skip(`${name} [skipped: Chromium is not installed]`)
    : layer(Browser.layer, { excludeTestServices: true })(name, tests)
}
