/** Which fibers belong to which simulated host, and which hosts have crashed. Host 0 is the scenario itself. */
export class Hosts {
  /** Host by number of the fiber; empty until the first fiber enters a host, to cost nothing where there is none. */
  private readonly byFiber: Array<number> = []
  private readonly dead = new Set<number>()
  private readonly names = [""]
  private used = false

  /** The number of a new host. */
  add(name: string): number {
    return this.names.push(name) - 1
  }

  /** Names of the hosts that fibers 0 .. below `fibers` belong to; "" is the scenario. */
  namesOf(fibers: number): ReadonlyArray<string> {
    return Array.from({ length: fibers }, (_, fiber) => this.names[this.hostOf(fiber)] ?? "")
  }

  /** A fiber belongs to the host of the one that forked it. */
  inherit(fiber: number, parent: number): void {
    if (this.used) this.byFiber[fiber] = this.hostOf(parent)
  }

  enter(host: number, fiber: number): void {
    this.used = true
    this.byFiber[fiber] = host
  }

  kill(host: number): void {
    this.dead.add(host)
  }

  hostOf(fiber: number): number {
    return this.byFiber[fiber] ?? 0
  }

  isDead(fiber: number): boolean {
    return this.used && this.dead.size > 0 && this.dead.has(this.hostOf(fiber))
  }

  hasCrashed(host: number): boolean {
    return this.dead.has(host)
  }
}
