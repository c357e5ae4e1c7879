/**
 * The tasks of a run that could go on, oldest first, each with the number of the fiber that put it there. Taking the
 * oldest is the common case and moves nothing.
 */
export class TaskQueue {
  private readonly tasks: Array<(() => void) | undefined> = []
  private readonly owners: Array<number> = []
  /** Where the oldest one is; what stands before it was taken. */
  private head = 0

  get length(): number {
    return this.tasks.length - this.head
  }

  push(task: () => void, owner: number): void {
    this.tasks.push(task)
    this.owners.push(owner)
  }

  /** The fiber that put the k-th oldest task there; -1 when there is none. */
  ownerAt(k: number): number {
    return this.owners[this.head + k] ?? -1
  }

  /** Removes and gives the k-th oldest task. */
  take(k: number): () => void {
    const index = this.head + k
    const task = this.tasks[index]
    if (task === undefined) throw new Error(`TaskQueue: no task ${k} of ${this.length}`)
    if (k === 0) {
      this.tasks[index] = undefined
      this.head++
    } else {
      this.tasks.splice(index, 1)
      this.owners.splice(index, 1)
    }
    if (this.head === this.tasks.length) this.forget()
    else if (this.head >= takenMax) this.compact()
    return task
  }

  private forget(): void {
    this.tasks.length = 0
    this.owners.length = 0
    this.head = 0
  }

  private compact(): void {
    this.tasks.splice(0, this.head)
    this.owners.splice(0, this.head)
    this.head = 0
  }
}

/** Taken tasks that stand before the oldest before they are removed. */
const takenMax = 1_024
