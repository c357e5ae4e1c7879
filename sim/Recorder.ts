/** Keeps the story of a run: stretches with the operations in them, what was told, and where fibers were started. */
import type { AnyFiber } from "./Fibers.ts"
import { fiberName } from "./FiberName.ts"
import { describeSite, siteOf } from "./Sites.ts"
import type { Site } from "./Sites.ts"
import type { BirthRecord, Place, StepRecord, SwitchRecord, Told, Topic } from "./Trace.ts"

/** Operations kept in all; a longer run is told without those that come later. */
const operationsMax = 50_000

/** What Effect builds for its own control flow says nothing to a reader. */
const plumbing =
  /^(?:|Core|Core\.\w+|Effect|Effect\.(?:gen|fn|fnUntraced|suspend|with\w+|all|forEach|scoped|provide\w*))$/

/** Operations of each fiber that are remembered, to find the latest one that the program itself asked for. */
const latestMax = 16

const unknownSite: Site = { what: "", at: "", place: "" }

const moduleOf = ({ what }: Site): string => what.split(".")[0] ?? ""

export class Recorder {
  readonly stretches: Array<StepRecord> = []
  readonly told: Array<Told> = []
  readonly switches: Array<SwitchRecord> = []
  readonly births: Array<BirthRecord> = []
  private readonly latest = new WeakMap<AnyFiber, Array<object>>()
  private readonly names = new WeakMap<AnyFiber, string>()
  /** Sites of the operations that started fibers, by the number of the fiber. */
  private readonly startSites = new Map<number, Site>()
  private operations: Array<{ readonly fiber: AnyFiber; readonly site: Site }> = []
  private kept = 0

  /** An operation is about to be carried out. */
  operation(operation: object, fiber: AnyFiber): void {
    this.remember(fiber, operation)
    const name = fiberName(fiber)
    if (name !== "") this.names.set(fiber, name)
    if (this.kept >= operationsMax) return
    const site = siteOf(operation)
    if (site === undefined || site.at === "" || plumbing.test(site.what)) return
    this.operations.push({ fiber, site })
    this.kept++
  }

  stretch(place: Place & { readonly steps: number }, fiber: AnyFiber): void {
    // A fiber that has ended is in no function any more: it keeps the name of the last one.
    const name = this.names.get(fiber) ?? ""
    const operations = this.operations.filter((done) => done.fiber === fiber).map(({ site }) => site)
    this.stretches.push({ ...place, name, operations })
    // What is left was done by the fiber below on the stack, whose stretch is still to come.
    this.operations = this.operations.filter((done) => done.fiber !== fiber)
  }

  switched(place: Place, what: Omit<SwitchRecord, "step" | "atMs">): void {
    this.switches.push({ ...place, ...what })
  }

  tell(place: Place, text: string, topic?: Topic): void {
    this.told.push(topic === undefined ? { ...place, text } : { ...place, text, topic })
  }

  /** A fiber was started; `place.fiber` is the one that started it, `isRunning` unless another runs on its stack. */
  born(place: Place, number: number, parent: AnyFiber, isRunning: boolean): void {
    const { asked, last } = this.latestSites(parent)
    const site = (last !== undefined && last.at !== "" ? last : asked) ?? unknownSite
    this.startSites.set(number, site)
    if (isRunning) this.operations.push({ fiber: parent, site: { ...site, what: `starts fiber ${number}` } })
    this.births.push({ ...place, child: number, isAside: !isRunning })
  }

  /** What a fiber waits in, if it waits: `in Queue.take at file.ts:3:7`, as far as it is known; else "". */
  waitsIn(fiber: AnyFiber): string {
    const { asked, last } = this.latestSites(fiber)
    if (last !== undefined && last.at !== "") return `in ${describeSite(last)}`
    if (asked === undefined) return last === undefined || last.what === "" ? "" : `in ${last.what}`
    // Effect made the last one by itself, for what the program had asked for; unless it is one that was made before.
    if (last === undefined) return `after ${describeSite(asked)}`
    const isPartOf = last.what === "" || moduleOf(last) === moduleOf(asked)
    return isPartOf ? `in ${describeSite(asked)}` : `in ${last.what}, after ${describeSite(asked)}`
  }

  /** The operation that a fiber carried out last, and the latest one that the program itself asked for. */
  private latestSites(fiber: AnyFiber): { readonly last: Site | undefined; readonly asked: Site | undefined } {
    const [last, ...before] = (this.latest.get(fiber) ?? []).toReversed().map(siteOf)
    return { last, asked: before.find((site) => site !== undefined && site.at !== "") }
  }

  private remember(fiber: AnyFiber, operation: object): void {
    const known = this.latest.get(fiber)
    if (known === undefined) {
      this.latest.set(fiber, [operation])
      return
    }
    known.push(operation)
    if (known.length >= 2 * latestMax) known.splice(0, latestMax)
  }

  /** Where a fiber was started. */
  startedAt(number: number): Site | undefined {
    return this.startSites.get(number)
  }
}
