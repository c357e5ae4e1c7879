/**
 * What a console has to know after it was killed, seen from outside: what it acknowledged is there, what it did not
 * acknowledge is there whole or not at all.
 */

/** A user or token as the API shows it, of what was asked for; `absent` when there is none. */
export type Shown = string

export const absent: Shown = "absent"

/** The states that something may be in. One, when the last change of it was answered; else two. */
export class Expected {
  private readonly possible = new Map<string, ReadonlySet<Shown>>()

  /** What is known of it, or one of what may be. */
  of(name: string): Shown {
    const [first = absent] = this.possible.get(name) ?? []
    return first
  }

  names(): ReadonlyArray<string> {
    return [...this.possible.keys()]
  }

  acknowledged(name: string, state: Shown): void {
    this.possible.set(name, new Set([state]))
  }

  /** Nobody said whether it was done. */
  unanswered(name: string, state: Shown): void {
    this.possible.set(name, new Set([...(this.possible.get(name) ?? [absent]), state]))
  }

  /** Says what differs from what is there, and takes over what is there for what may be either way. */
  compare(what: string, there: ReadonlyMap<string, Shown>): ReadonlyArray<string> {
    const wrong: Array<string> = []
    for (const [name, states] of this.possible) {
      const shown = there.get(name) ?? absent
      if (states.has(shown)) this.possible.set(name, new Set([shown]))
      else wrong.push(`${what} ${name} is ${shown}, expected ${[...states].join(" or ")}`)
    }
    for (const [name, shown] of there) {
      if (!this.possible.has(name)) wrong.push(`${what} ${name} is ${shown}, and nobody asked for it`)
    }
    return wrong
  }
}
