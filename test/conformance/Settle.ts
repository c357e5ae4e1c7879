/** Waiting until nothing changes any more: only then can two supervisords be compared that work at their own pace. */
import { Effect } from "effect"
import { isList, isStruct, type XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import type { Peer } from "./Peer.ts"

/** These run only for a moment. */
const shortLived = new Set(["finisher", "quitter", "crasher", "flapper"])
const inTransit = new Set(["STARTING", "STOPPING", "BACKOFF"])

const looks = { everyMs: 30, alike: 3, max: 400 } as const

/** Waits until the states of all processes were the same a few times, and none of them is one that passes. */
export const settled = Effect.fnUntraced(function* (peer: Peer) {
  let before = ""
  let alike = 0
  for (let i = 0; i < looks.max; i++) {
    const now = states(yield* peer.value("supervisor.getAllProcessInfo"))
    alike = now !== undefined && now === before ? alike + 1 : 0
    if (alike === looks.alike) return
    before = now ?? ""
    yield* Effect.sleep(looks.everyMs)
  }
  yield* peer.note("it does not come to rest")
})

/** Names, states and process ids; undefined while something is on its way. */
const states = (infos: XmlRpcValue | undefined): string | undefined => {
  if (infos === undefined || !isList(infos)) return undefined
  const lines: Array<string> = []
  for (const info of infos) {
    if (!isStruct(info)) return undefined
    const { name, pid, statename } = info
    if (
      typeof name !== "string" ||
      typeof statename !== "string" ||
      typeof pid !== "number" ||
      inTransit.has(statename)
    )
      return undefined
    if (statename === "RUNNING" && shortLived.has(name)) return undefined
    lines.push(`${name} ${statename} ${pid}`)
  }
  return lines.join("\n")
}

/** Writes down all processes as they are. */
export const look = (peer: Peer): Effect.Effect<void> => peer.ask("supervisor.getAllProcessInfo")

/** Waits until a process is in one of the states. */
export const untilState = Effect.fnUntraced(function* (peer: Peer, name: string, ...wanted: ReadonlyArray<string>) {
  for (let i = 0; i < 400; i++) {
    const info = yield* peer.value("supervisor.getProcessInfo", name)
    const state = info !== null && typeof info === "object" && "statename" in info ? info["statename"] : ""
    if (typeof state === "string" && wanted.includes(state)) return
    yield* Effect.sleep(20)
  }
  yield* peer.note(`${name} never got into ${wanted.join(" or ")}`)
})
