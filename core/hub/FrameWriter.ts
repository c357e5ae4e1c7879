/**
 * The port between the outbox of a client and its connection. Here is what works over any socket: a fiber that writes
 * what waits and then waits for the connection to have taken it, which is how a client that does not read is seen.
 * The runtime has a faster one for many clients.
 */
import { Context, Effect, Fiber, Latch } from "effect"
import type { Socket } from "effect/socket"
import type { Outbox } from "./Outbox.ts"

/** Both ends of a connection that is open. */
export interface Connection {
  readonly socket: Socket.Socket
  readonly writer: Socket.Writer
}

export interface FrameWriter {
  /**
   * Begins to write what comes into the outbox, in order, until `stop` has run. A frame is written whole or not at all,
   * and none after that. `failed` hears when the connection takes no more; a writer that leaves it to the reader to
   * find that out need not call it.
   */
  readonly start: (
    outbox: Outbox,
    connection: Connection,
    failed: (error: Socket.SocketError) => Effect.Effect<void>
  ) => Effect.Effect<Writing>
}

/** An outbox that is being written. Must be stopped. */
export interface Writing {
  readonly stop: Effect.Effect<void>
}

const overSocket: FrameWriter = {
  start: (outbox, { writer }, failed) => {
    const ready = Latch.makeUnsafe(false)
    const writeNext = Effect.suspend(() => {
      ready.closeUnsafe()
      const [first, ...rest] = outbox.take()
      return first === undefined ? Effect.void : writer.writeAll([first.text, ...rest.map((frame) => frame.text)])
    })
    return Effect.andThen(ready.await, writeNext).pipe(
      Effect.forever({ disableYield: true }),
      Effect.catch(failed),
      Effect.withSpan("FrameWriter.write"),
      Effect.forkChild,
      Effect.map((fiber) => {
        // What the connection takes is not known here, so there is no relief.
        outbox.attach({ wake: () => ready.openUnsafe(), relieve: () => {} })
        return {
          stop: Effect.suspend(() => {
            outbox.attach(undefined)
            return Fiber.interrupt(fiber)
          })
        }
      })
    )
  }
}

export const FrameWriter = Context.Reference<FrameWriter>("core/hub/FrameWriter", { defaultValue: () => overSocket })
