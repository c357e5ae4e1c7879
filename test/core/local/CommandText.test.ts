import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { CommandText } from "../../../core/local/CommandText.ts"

const decode = (command: unknown) => Schema.decodeUnknownResult(CommandText)(command)

const wordsOf = (command: unknown) => Result.getOrThrow(decode(command))

const problemOf = (command: unknown) => {
  const decoded = decode(command)
  return Result.isFailure(decoded) ? decoded.failure.message : "accepted"
}

describe("CommandText", () => {
  it.each<[string, ReadonlyArray<string>]>([
    ["cat", ["cat"]],
    ["  cat\t-n  file ", ["cat", "-n", "file"]],
    ["sh -c 'a | b; c'", ["sh", "-c", "a | b; c"]],
    ['say "two words" it\\\'s', ["say", "two words", "it's"]],
    ["/opt/my\\ app/run --to=x@y:1", ["/opt/my app/run", "--to=x@y:1"]],
    ["echo '' end", ["echo", "", "end"]]
  ])("splits %j into words", (text, words) => {
    assert.deepStrictEqual(wordsOf(text), words)
  })

  it("takes a list as it is", () => {
    assert.deepStrictEqual(wordsOf(["/bin/echo", "$HOME", "a b", ""]), ["/bin/echo", "$HOME", "a b", ""])
  })

  it.each<[unknown, string]>([
    ["", "got no word"],
    ["   ", "got no word"],
    [[], "got no word"],
    [[""], "empty first word"],
    ["cat 'a", "quote is not closed"],
    ["cat \\", "backslash escapes nothing"],
    ["cat a | wc", "\"|\" needs a shell: quote it, or run a shell (sh -c '...')"],
    ["echo $HOME", "needs a shell"],
    ["cat *.txt", "needs a shell"],
    ["FOO=1 cat", "needs a shell"],
    ["cat 'a\0b'", "without NUL"],
    [["cat", "a\0b"], "without NUL"],
    [3, "Expected string | array"]
  ])("refuses %j", (command, problem) => {
    assert.include(problemOf(command), problem)
  })
})
