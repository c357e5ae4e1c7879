/**
 * `/logtail/<name>[/stdout|/stderr]` and `/mainlogtail` of a modelled supervisord: a body that does not end, of the
 * last bytes of a log and of all that is added to it, raw.
 *
 * Models: rotation and clearing (it goes on with the new file) and truncation in place (the connection breaks off).
 */
import { Data, Effect, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import type { LogFile } from "./SupervisordLog.ts"
import type { SupervisordNode } from "./SupervisordNode.ts"

/** supervisord stops in the middle of a body. */
export class BrokenOff extends Data.TaggedError("BrokenOff")<{ readonly why: string }> {}

const bytesAtFirst = 1_024
const lookEveryMs = 100

/** The log that a path asks for, or the status of the refusal. */
export const tailedLog = (node: SupervisordNode, path: string): LogFile | 404 | 500 => {
  if (path.startsWith("/mainlogtail")) return node.mainLog
  const slash = path.indexOf("/", 1)
  if (slash < 0) return 500
  const [name = "", ...rest] = path.slice(slash + 1).split("/")
  const channel = rest.length === 0 ? "stdout" : rest.join("/")
  if (channel !== "stdout" && channel !== "stderr") return 404
  const colon = name.indexOf(":")
  const cell = colon < 0 ? node.find(name, name) : node.find(name.slice(0, colon), name.slice(colon + 1))
  return cell === undefined ? 404 : (node.logOf(cell.process.program, channel) ?? 404)
}

/** The endless body. `settle` brings the node up to now. */
export const tailResponse = (
  log: LogFile,
  settle: Effect.Effect<void>,
  isMain: boolean
): HttpServerResponse.HttpServerResponse => {
  const first = { inode: log.inode, at: Math.max(0, log.size - bytesAtFirst) }
  const next = ({ at, inode }: typeof first): Effect.Effect<readonly [Uint8Array, typeof first], BrokenOff> =>
    Effect.flatMap(settle, () => {
      const from = log.inode === inode ? at : 0
      if (log.size < from) return Effect.fail(new BrokenOff({ why: "the log was truncated" }))
      if (log.size > from) {
        return Effect.succeed([log.slice(from, log.size), { inode: log.inode, at: log.size }] as const)
      }
      return Effect.andThen(Effect.sleep(lookEveryMs), next({ inode: log.inode, at: from }))
    })
  // Effect runs the body of a response uninterruptibly, and this one would outlive the server.
  return HttpServerResponse.stream(
    Stream.unfold(first, (state) => Effect.interruptible(next(state))),
    {
      contentType: "text/plain;charset=utf-8",
      headers: isMain ? {} : { "x-accel-buffering": "no" }
    }
  )
}
