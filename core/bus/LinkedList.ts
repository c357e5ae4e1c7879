/** A list that gives its first value, and lets go of any value that it gave a place to, in constant time. */

export interface Place<A> {
  readonly value: A
  previous: Place<A> | undefined
  next: Place<A> | undefined
}

export class LinkedList<A> {
  #first: Place<A> | undefined
  #last: Place<A> | undefined
  #size = 0

  /** How many values are in it. */
  get size(): number {
    return this.#size
  }

  /** The value that is in it for longest; undefined when it is empty. */
  get first(): A | undefined {
    return this.#first?.value
  }

  /** Adds a value at the end. */
  push(value: A): Place<A> {
    const place: Place<A> = { value, previous: this.#last, next: undefined }
    if (this.#last === undefined) this.#first = place
    else this.#last.next = place
    this.#last = place
    this.#size++
    return place
  }

  /** Takes a value out. The place must be one of this list, and not taken out before. */
  remove(place: Place<A>): void {
    if (place.previous === undefined) this.#first = place.next
    else place.previous.next = place.next
    if (place.next === undefined) this.#last = place.previous
    else place.next.previous = place.previous
    this.#size--
  }

  /** Takes the first value out; undefined when it is empty. */
  shift(): A | undefined {
    const place = this.#first
    if (place === undefined) return undefined
    this.remove(place)
    return place.value
  }
}
