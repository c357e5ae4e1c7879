/**
 * What waits on the bus, and which event is next. Synchronous and without effects: every method is one atomic step.
 *
 * - A subscriber has one queue a priority, bounded. Behind a queue stands a line: events of publishers that wait, in
 *   the order of publishing. The first of the line moves up as soon as the queue has room, so an event can neither
 *   overtake one that was published before it, nor come between two that were published together.
 * - A subscriber's events of one key are its lane. A lane is busy while one of its events is handled; else, with
 *   anything in its queues, it is ready, and stands in the round of its most urgent event. Ready lanes take turns.
 */
import * as Marks from "../Marks.ts"
import type { BusEvent, Priority } from "./BusEvent.ts"
import { priorities, priorityOf } from "./BusEvent.ts"
import type { EventBusOptions, Subscriber, SubscriberStats } from "./EventBus.ts"
import { LinkedList } from "./LinkedList.ts"
import type { Place } from "./LinkedList.ts"

type Each<A> = Readonly<Record<Priority, A>>

const each = <A>(make: () => A): Each<A> => ({ high: make(), normal: make(), low: make() })

/** Events of a publisher that found no room yet. It is freed when `pending` has come to nothing. */
export interface Publication {
  pending: number
}

interface Waiting {
  readonly event: BusEvent
  readonly lane: Lane
  readonly publication: Publication
}

interface Lane {
  readonly key: string
  readonly member: Member
  readonly queues: Each<LinkedList<Queued>>
  busy: boolean
  /** The round in which it stands. */
  round: { readonly of: Priority; readonly place: Place<Lane> } | undefined
  /** Its events in lines. It is forgotten when it has no event anywhere. */
  inLine: number
}

interface Queued {
  readonly event: BusEvent
  readonly lane: Lane
  /** Where it stands among all of its queue, whatever their lane. */
  place: Place<Queued> | undefined
}

/** A subscriber with what waits for it. */
export interface Member {
  readonly subscriber: Subscriber
  readonly queues: Each<LinkedList<Queued>>
  readonly lines: Each<LinkedList<Waiting>>
  readonly lanes: Map<string, Lane>
  handled: number
  failed: number
  dropped: number
  blocked: number
}

/** An event that is being handled. */
export interface Taken {
  readonly event: BusEvent
  readonly member: Member
  readonly lane: Lane
}

/** What came of handing over events. */
export interface Published {
  /** What did not fit; undefined when the publisher need not wait. */
  readonly publication: Publication | undefined
  /** Subscribers for which it waits. */
  readonly blocked: ReadonlyArray<Member>
  /** What `key` and `wants` of subscribers threw; they did not get that event, which counts as failed. */
  readonly broken: ReadonlyArray<{ readonly member: Member; readonly defect: unknown }>
}

const nothing: Published = { publication: undefined, blocked: [], broken: [] }

export class Queues {
  readonly #options: Pick<EventBusOptions, "queueEventsMax" | "overflow">
  readonly #members = new Map<string, Member>()
  readonly #rounds: Each<LinkedList<Lane>> = each(() => new LinkedList<Lane>())

  constructor(options: Pick<EventBusOptions, "queueEventsMax" | "overflow">) {
    this.#options = options
  }

  /** Adds a subscriber. Gives undefined when there is one of that name. */
  add(subscriber: Subscriber): Member | undefined {
    if (this.#members.has(subscriber.name)) return undefined
    const member: Member = {
      subscriber,
      queues: each(() => new LinkedList<Queued>()),
      lines: each(() => new LinkedList<Waiting>()),
      lanes: new Map(),
      handled: 0,
      failed: 0,
      dropped: 0,
      blocked: 0
    }
    this.#members.set(subscriber.name, member)
    return member
  }

  /** Drops a subscriber with all that waits for it; gives the publishers that are free by that. */
  remove(member: Member): ReadonlyArray<Publication> {
    if (this.#members.get(member.subscriber.name) !== member) return []
    this.#members.delete(member.subscriber.name)
    for (const lane of member.lanes.values()) this.#leaveRound(lane)
    const freed: Array<Publication> = []
    for (const priority of priorities) {
      for (let next = member.lines[priority].shift(); next !== undefined; next = member.lines[priority].shift()) {
        if (--next.publication.pending === 0) freed.push(next.publication)
      }
    }
    return freed
  }

  /** Subscribers, in the order of subscribing. */
  get members(): ReadonlyArray<Member> {
    return Array.from(this.#members.values())
  }

  /** Hands events to all subscribers that want them. A publisher that may not wait has dropped what finds no room. */
  publish(events: ReadonlyArray<BusEvent>, mayWait: boolean): Published {
    if (this.#members.size === 0) return nothing
    const publication: Publication = { pending: 0 }
    const blocked = new Set<Member>()
    const broken: Array<{ member: Member; defect: unknown }> = []
    for (const event of events) {
      for (const member of this.#members.values()) {
        const key = keyFor(member, event)
        if (key._tag === "Broken") broken.push({ member, defect: key.defect })
        else if (key._tag === "Wanted" && this.#offer(member, event, key.key, mayWait ? publication : undefined)) {
          blocked.add(member)
        }
      }
    }
    for (const member of blocked) member.blocked++
    return {
      publication: publication.pending === 0 ? undefined : publication,
      blocked: Array.from(blocked),
      broken
    }
  }

  /** The publisher waits no longer: what it still has in lines is dropped. */
  withdraw(publication: Publication): void {
    for (const member of this.#members.values()) {
      for (const priority of priorities) {
        const line = member.lines[priority]
        for (let left = line.size; left > 0; left--) {
          const next = line.shift()
          if (next === undefined) break
          if (next.publication !== publication) line.push(next)
          else {
            next.lane.inLine--
            member.dropped++
            forget(next.lane)
          }
        }
      }
    }
    publication.pending = 0
  }

  /** Whether `take` would give an event. */
  get isReady(): boolean {
    return priorities.some((priority) => this.#rounds[priority].size > 0)
  }

  /**
   * The next event to handle, with the publisher that is free by the room it leaves. Its lane is busy from then on
   * until `done`.
   */
  take(): { readonly taken: Taken; readonly freed: Publication | undefined } | undefined {
    for (const priority of priorities) {
      const lane = this.#rounds[priority].first
      if (lane === undefined) continue
      this.#leaveRound(lane)
      const queued = lane.queues[priority].shift()
      if (queued === undefined) throw new Error("Queues: a lane was ready and had no event")
      lane.busy = true
      if (queued.place !== undefined) lane.member.queues[priority].remove(queued.place)
      return { taken: { event: queued.event, member: lane.member, lane }, freed: this.#moveUp(lane.member, priority) }
    }
    return undefined
  }

  /** The event was handled, well or badly: the next of its lane may follow. */
  done({ lane }: Taken): void {
    lane.busy = false
    this.#makeReady(lane)
    forget(lane)
  }

  /** True when it stands in line. */
  #offer(member: Member, event: BusEvent, key: string, publication: Publication | undefined): boolean {
    const priority = priorityOf(event)
    const queue = member.queues[priority]
    // Room goes to the line at once, so a queue with room has no line that the event would overtake.
    if (queue.size < this.#options.queueEventsMax[priority]) {
      this.#enqueue(laneOf(member, key), event, priority)
      return false
    }
    switch (this.#choice(priority, publication)) {
      case "drop new":
        markDrop(priority)
        member.dropped++
        return false
      case "drop old": {
        const oldest = queue.shift()
        if (oldest !== undefined) this.#drop(oldest, priority)
        markDrop(priority)
        this.#enqueue(laneOf(member, key), event, priority)
        return false
      }
      case "stand in line": {
        if (publication === undefined) return false
        Marks.reached("a publisher waits for room on the bus")
        const lane = laneOf(member, key)
        member.lines[priority].push({ event, lane, publication })
        lane.inLine++
        publication.pending++
        return true
      }
    }
  }

  #choice(priority: Priority, publication: Publication | undefined): "drop new" | "drop old" | "stand in line" {
    const { overflow } = this.#options
    if (overflow === "dropOldest") return "drop old"
    if (overflow === "dropNewest" || (overflow === "dropLow" && priority === "low")) return "drop new"
    return publication === undefined ? "drop new" : "stand in line"
  }

  #enqueue(lane: Lane, event: BusEvent, priority: Priority): void {
    const queued: Queued = { event, lane, place: undefined }
    queued.place = lane.member.queues[priority].push(queued)
    lane.queues[priority].push(queued)
    this.#makeReady(lane)
  }

  /** The oldest of a queue is the oldest of its lane too, within that priority. */
  #drop({ lane }: Queued, priority: Priority): void {
    lane.member.dropped++
    lane.queues[priority].shift()
    // A lane that still has an event for its round keeps its turn.
    if (lane.round !== undefined && lane.queues[lane.round.of].size === 0) {
      this.#leaveRound(lane)
      this.#makeReady(lane)
    }
    forget(lane)
  }

  #moveUp(member: Member, priority: Priority): Publication | undefined {
    const next = member.lines[priority].shift()
    if (next === undefined) return undefined
    next.lane.inLine--
    this.#enqueue(next.lane, next.event, priority)
    return --next.publication.pending === 0 ? next.publication : undefined
  }

  /** Puts a lane into the round of its most urgent event, unless it is busy, empty, or there already. */
  #makeReady(lane: Lane): void {
    if (lane.busy || this.#members.get(lane.member.subscriber.name) !== lane.member) return
    const priority = priorities.find((candidate) => lane.queues[candidate].size > 0)
    if (priority === undefined || lane.round?.of === priority) return
    this.#leaveRound(lane)
    lane.round = { of: priority, place: this.#rounds[priority].push(lane) }
  }

  #leaveRound(lane: Lane): void {
    if (lane.round === undefined) return
    this.#rounds[lane.round.of].remove(lane.round.place)
    lane.round = undefined
  }
}

/** What `stats` tells of a subscriber. Events in line count as waiting. */
export const statsOf = ({ blocked, dropped, failed, handled, lines, queues, subscriber }: Member): SubscriberStats => {
  const waiting = (priority: Priority) => queues[priority].size + lines[priority].size
  return {
    name: subscriber.name,
    waiting: { high: waiting("high"), normal: waiting("normal"), low: waiting("low") },
    handled,
    failed,
    dropped,
    blocked
  }
}

type Key =
  | { readonly _tag: "Wanted"; readonly key: string }
  | { readonly _tag: "Unwanted" }
  | { readonly _tag: "Broken"; readonly defect: unknown }

/** A subscriber's own code may throw; that must hit neither the publisher nor other subscribers. */
const keyFor = (member: Member, event: BusEvent): Key => {
  const { key, wants } = member.subscriber
  try {
    if (wants !== undefined && !wants(event)) return { _tag: "Unwanted" }
    return { _tag: "Wanted", key: key === undefined ? "" : key(event) }
  } catch (defect) {
    member.failed++
    return { _tag: "Broken", defect }
  }
}

const markDrop = (priority: Priority): void =>
  Marks.reached(priority === "low" ? "the bus dropped a piece of a log" : "the bus dropped an event")

const laneOf = (member: Member, key: string): Lane => {
  const known = member.lanes.get(key)
  if (known !== undefined) return known
  const lane: Lane = {
    key,
    member,
    queues: each(() => new LinkedList<Queued>()),
    busy: false,
    round: undefined,
    inLine: 0
  }
  member.lanes.set(key, lane)
  return lane
}

/** Lets go of a lane of which nothing is left, so that keys that come and go leave nothing. */
const forget = (lane: Lane): void => {
  if (lane.busy || lane.inLine > 0 || priorities.some((priority) => lane.queues[priority].size > 0)) return
  lane.member.lanes.delete(lane.key)
}
