/**
 * A map by name that is never changed: what would change it gives another one. Replacing one value of many costs
 * little, because all other values stay where they are: they lie in pages, and only the page with the value and the
 * list of pages are copied. Adding a name copies all names, and removing one copies everything.
 *
 * In the order in which the names were added, as in a `Map`.
 */
const pageLength = 32

export class NodeMap<V> implements ReadonlyMap<string, V> {
  /** Where the value of each name is. */
  private readonly places: ReadonlyMap<string, number>
  private readonly pages: ReadonlyArray<ReadonlyArray<V>>

  private constructor(places: ReadonlyMap<string, number>, pages: ReadonlyArray<ReadonlyArray<V>>) {
    this.places = places
    this.pages = pages
  }

  /** The entries, in their order; of two with one name the last counts, at the place of the first. */
  static of<V>(entries: Iterable<readonly [string, V]>): NodeMap<V> {
    const values = Array.from(new Map(entries))
    const places = new Map(values.map(([name], place) => [name, place]))
    const pages = Array.from({ length: Math.ceil(values.length / pageLength) }, (_, page) =>
      values.slice(page * pageLength, (page + 1) * pageLength).map(([, value]) => value)
    )
    return new NodeMap(places, pages)
  }

  /** With this value for the name, in its place or as the last one. */
  with(name: string, value: V): NodeMap<V> {
    const place = this.places.get(name)
    if (place === undefined) return this.added(name, value)
    const page = Math.floor(place / pageLength)
    const changed = (this.pages[page] ?? []).with(place % pageLength, value)
    return new NodeMap(this.places, this.pages.with(page, changed))
  }

  private added(name: string, value: V): NodeMap<V> {
    const places = new Map(this.places).set(name, this.size)
    const last = this.pages.at(-1)
    return last === undefined || last.length === pageLength
      ? new NodeMap(places, [...this.pages, [value]])
      : new NodeMap(places, this.pages.with(this.pages.length - 1, [...last, value]))
  }

  /** Without the name. */
  without(name: string): NodeMap<V> {
    return this.places.has(name) ? NodeMap.of(Array.from(this).filter(([other]) => other !== name)) : this
  }

  /** Without any of the names, in one copy. */
  withoutAll(names: ReadonlySet<string>): NodeMap<V> {
    return NodeMap.of(Array.from(this).filter(([name]) => !names.has(name)))
  }

  /** The named ones first, in that order, and the others behind them as they were. */
  inOrder(names: ReadonlyArray<string>): NodeMap<V> {
    const places = new Map(names.map((name, place) => [name, place]))
    const placeOf = (name: string) => places.get(name) ?? names.length
    const before = Array.from(this)
    const after = before.toSorted(([one], [other]) => placeOf(one) - placeOf(other))
    return before.every(([name], i) => after[i]?.[0] === name) ? this : NodeMap.of(after)
  }

  get size(): number {
    return this.places.size
  }

  get(name: string): V | undefined {
    const place = this.places.get(name)
    return place === undefined ? undefined : this.pages[Math.floor(place / pageLength)]?.[place % pageLength]
  }

  has(name: string): boolean {
    return this.places.has(name)
  }

  keys(): MapIterator<string> {
    return this.places.keys()
  }

  /** The values, at once: several times as fast as by `values`. */
  toArray(): ReadonlyArray<V> {
    return this.pages.flat()
  }

  *values(): MapIterator<V> {
    for (const page of this.pages) yield* page
  }

  *entries(): MapIterator<[string, V]> {
    const names = this.places.keys()
    for (const page of this.pages) {
      for (const value of page) {
        const name = names.next()
        if (name.done !== true) yield [name.value, value]
      }
    }
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries()
  }

  forEach(visit: (value: V, name: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [name, value] of this) visit(value, name, this)
  }
}
