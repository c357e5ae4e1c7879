/**
 * Who forked whom. A fiber is called by its path in the tree of forks (`0` is the root, `0.2` its second child), which
 * stays the same under most changes of a schedule, while the order of creation does not.
 */
export class Lineage {
  private readonly parents: Array<number> = []
  private readonly ordinals: Array<number> = []
  private readonly children: Array<number> = []
  private readonly paths: Array<string | undefined> = []
  /** Fibers that no fiber forked: the root, and what callbacks start. */
  private orphans = 0

  /** Fibers known so far; their numbers are 0 .. size - 1. */
  get size(): number {
    return this.parents.length
  }

  /** The next fiber is born; gives its number. */
  born(parent: number): number {
    const number = this.parents.length
    const ordinal = parent < 0 ? this.orphans++ : (this.children[parent] ?? 0) + 1
    if (parent >= 0) this.children[parent] = ordinal
    this.parents.push(parent)
    this.ordinals.push(ordinal)
    this.children.push(0)
    this.paths.push(undefined)
    return number
  }

  /** Number of the fiber that forked this one; -1 for the root. */
  parentOf(number: number): number {
    return this.parents[number] ?? -1
  }

  /** The path of a fiber; `-` for none. */
  path(number: number): string {
    if (number < 0) return "-"
    const known = this.paths[number]
    if (known !== undefined) return known
    const parent = this.parentOf(number)
    const path = parent < 0 ? `${this.ordinals[number] ?? number}` : `${this.path(parent)}.${this.ordinals[number]}`
    this.paths[number] = path
    return path
  }
}
