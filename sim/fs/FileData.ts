/** The bytes of one file. Reading and writing copy: nobody outside shares the buffer. */

const firstCapacity = 64

export class FileData {
  size: number
  /** At least `size` bytes; those from `size` on are zero. */
  private buffer: Uint8Array<ArrayBuffer>

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.buffer = new Uint8Array(bytes)
    this.size = bytes.length
  }

  copy(): FileData {
    return new FileData(this.buffer.subarray(0, this.size))
  }

  /** Up to `length` bytes from `offset`; fewer at the end of the file. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const start = Math.min(offset, this.size)
    return this.buffer.slice(start, Math.min(this.size, start + length))
  }

  /** Bytes between the former end and `offset` read as zeros. */
  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const end = offset + bytes.length
    this.reserve(end)
    this.buffer.set(bytes, offset)
    this.size = Math.max(this.size, end)
  }

  /** Cuts, or adds zeros. */
  resize(size: number): void {
    if (size < this.size) this.buffer.fill(0, size, this.size)
    else this.reserve(size)
    this.size = size
  }

  private reserve(capacity: number): void {
    if (capacity <= this.buffer.length) return
    const larger = new Uint8Array(Math.max(capacity, 2 * this.buffer.length, firstCapacity))
    larger.set(this.buffer)
    this.buffer = larger
  }
}
