/** What the commands of the simulator refuse, before they do anything, and how they say it. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { CheckReport } from "../../../reports/CheckReport.ts"
import { check } from "../../../runtime/commands/Check.ts"
import { explore } from "../../../runtime/commands/Explore.ts"
import { mutants } from "../../../runtime/commands/Mutants.ts"
import { replay } from "../../../runtime/commands/Replay.ts"
import { ExitStatus } from "../../../runtime/ExitStatus.ts"
import * as UsagePresenter from "../../../runtime/UsagePresenter.ts"
import { findSubject, sweep } from "../../../scenarios/Sweep.ts"
import { temporaryFolder } from "../../support/TemporaryFolder.ts"

const muster = Command.runWith(
  Command.make("muster").pipe(Command.withSubcommands([check, explore, mutants, replay])),
  {
    version: "test"
  }
)

/** Runs the command; gives what it has written to stderr, or says as it ends, and its exit status. */
const refusal = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const ended = yield* Effect.result(muster(args))
    assert.deepStrictEqual(yield* TestConsole.logLines, [])
    const written = (yield* TestConsole.errorLines).map(String)
    assert.isTrue(Result.isFailure(ended))
    if (Result.isSuccess(ended) || !(ended.failure instanceof ExitStatus)) return [2, written.join("\n")] as const
    return [ended.failure.status, [...written, ended.failure.message].join("\n")] as const
  }).pipe(Effect.provide([TestConsole.layer, NodeServices.layer, UsagePresenter.layer]))

const refuses = (cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]>) =>
  Effect.forEach(cases, ([args, message]) =>
    Effect.map(refusal(args), ([status, text]) => {
      assert.strictEqual(status, 2, text)
      assert.match(text, message)
    })
  )

describe("muster check", () => {
  it.live("refuses wrong flags", () =>
    refuses([
      [["check"], /^name the properties to check, or give --all$/],
      [["check", "--all", "P1"], /not both$/],
      [["check", "P99"], /^there is no property "P99"; there are P1, /],
      [["check", "P1", "--mutant", "none"], /^P1 has no mutant "none"; it has racy-count, /],
      [["check", "P1", "--seeds", "0"], /^--seeds is 0, expected at least 1$/],
      [["check", "P1", "--seed", "abc"], /--seed.*"abc"/],
      [
        ["check", "P1", "--seed", "9007199254740991"],
        /^--seed is 9007199254740991, expected the last seed to be below/
      ],
      [["check", "P1", "--strategy", "luck"], /^there is no strategy "luck"; there are portfolio, random, /],
      [["check", "P1", "--shard", "3/2"], /^--shard is "3\/2", expected I\/N with I from 1 to N/],
      [["check", "P1", "--shard", "3/3", "--seeds", "2"], /^--seeds is 2, and the part --shard 3\/3 of them is empty$/],
      [["check", "P1", "--time", "0"], /^--time is "0", expected a time above 0 such as 500ms, 60s/],
      [["check", "P1", "--workers", "0"], /^--workers is 0, expected at least 1$/]
    ])
  )
})

describe("muster explore and mutants", () => {
  it.live("refuse wrong flags", () =>
    refuses([
      [["explore", "P99", "--preemptions", "1"], /^there is no property "P99"/],
      [["explore", "P4", "--preemptions=-1"], /^--preemptions is -1, expected at least 0$/],
      [["explore", "P4", "--preemptions", "1", "--max-runs", "0"], /^--max-runs is 0, expected at least 1$/],
      [["explore", "P4", "--preemptions", "1", "--workers", "0"], /^--workers is 0, expected at least 1$/],
      [["mutants", "P99"], /^there is no property "P99"/],
      [["mutants", "P4", "--seeds", "0"], /^--seeds is 0, expected at least 1$/]
    ])
  )
})

describe("muster replay", () => {
  it.live("refuses what is no run of this version, and says why", () =>
    Effect.gen(function* () {
      const { failure } = sweep(Result.getOrThrow(findSubject("P4+stale-read")), { runs: 200, seed: 0, shrink: false })
      assert.isDefined(failure)
      const { token } = failure
      const parts = token.split(".")
      const folder = yield* temporaryFolder
      const noResults = join(folder, "no.json")
      writeFileSync(noResults, "{}")
      yield* refuses([
        [["replay", parts.with(3, "zz").join(".")], /^muster: this program differs.*step/],
        [["replay", token.replace("P4/focus+stale-read", "P2")], /^muster: this program differs.*step/],
        [["replay", token.replace("stale-read", "none")], /^muster: P4 has no mutant "none"/],
        [["replay", token.replace("P4", "P77")], /^muster: there is no property "P77"/],
        [["replay", token.slice(0, 30)], /^muster: .* is no whole token/],
        [["replay", token.replace(/^m2/, "m1")], /^muster: .* is no token of this version: .* begins with "m2\."/],
        [["replay", parts.with(2, "luck").join(".")], /^muster: the token's strategy luck is unknown; .* portfolio, /],
        [["replay", join(folder, "missing.json")], /is no token, .* and no file that can be read$/],
        [["replay", noResults], /is no file of results/],
        [["replay", token, "--last=-1"], /^--last is -1, expected at least 0$/],
        [["replay", token, "--until", "0"], /^--until is 0, expected at least 1$/],
        [["replay", token, "--until", "9", "--shrink"], /^--until stops the run before its failure/]
      ])
    })
  )

  it.live("has nothing to do for results without a failure", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "holds.json")
      const report: CheckReport = {
        tool: "muster",
        format: 4,
        world: "sim",
        uncontrolled: [],
        wallMs: 50,
        version: "test",
        seed: 0,
        strategy: "portfolio",
        properties: []
      }
      writeFileSync(file, JSON.stringify(Schema.encodeSync(CheckReport)(report)))
      yield* muster(["replay", file])
      assert.deepStrictEqual(yield* TestConsole.logLines, [`${file}: no failures`])
    }).pipe(Effect.provide([TestConsole.layer, NodeServices.layer]))
  )
})
