/**
 * What of a followed log is shown: of what was there before, the newest part that was asked for; then all that comes.
 *
 * The console sends the newest part of a log before the note `began`, if it has it. Until then text is kept, bounded;
 * what was read beforehand stands in for it when the console sends none.
 */

/** What to show of what was there before. */
export type Amount = { readonly unit: "lines" | "bytes"; readonly count: number }

/** UTF-16 units kept before the beginning, at most; the newest are kept. */
const keptMax = 2_097_152

export type FollowState =
  | { readonly _tag: "Before"; readonly read: string; readonly kept: string; readonly amount: Amount }
  | { readonly _tag: "Live" }

export type FollowInput =
  | { readonly _tag: "Text"; readonly text: string }
  /** The console says that what follows is live, or has not said so in time. */
  | { readonly _tag: "Began" }

/** The state before anything was followed; `read` is what was read of the log beforehand. */
export const before = (read: string, amount: Amount): FollowState => ({ _tag: "Before", read, kept: "", amount })

/** The next state, and what to show. */
export const step = (state: FollowState, input: FollowInput): readonly [FollowState, string] => {
  if (state._tag === "Live") return [state, input._tag === "Text" ? input.text : ""]
  if (input._tag === "Text") return [{ ...state, kept: (state.kept + input.text).slice(-keptMax) }, ""]
  return [{ _tag: "Live" }, newest(state.kept === "" ? state.read : state.kept, state.amount)]
}

const utf8 = new TextEncoder()

/** The newest part of a text: whole lines, or bytes of UTF-8 without a cut character. */
export const newest = (text: string, { count, unit }: Amount): string => {
  if (unit === "bytes") {
    const bytes = utf8.encode(text)
    let from = Math.max(0, bytes.length - count)
    // Continuation bytes belong to a character that begins before.
    while (((bytes[from] ?? 0) & 0xc0) === 0x80) from++
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(from))
  }
  let at = text.endsWith("\n") ? text.length - 1 : text.length
  for (let lines = 0; lines < count; lines++) {
    at = at === 0 ? -1 : text.lastIndexOf("\n", at - 1)
    if (at < 0) return text
  }
  return count === 0 ? "" : text.slice(at + 1)
}
