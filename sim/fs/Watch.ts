/**
 * `watch`: changes of a directory's entries, or of one file, as they happen. Events that nobody takes are kept up to a
 * bound, and lost beyond it, as those of inotify are. Unlike the real one, each change is told once.
 */
import { Effect, type FileSystem, type PlatformError, Queue, Stream } from "effect"
import type { Image, Inode } from "./Image.ts"
import { call } from "./Perform.ts"
import type { Program } from "./Program.ts"
import type { VolumeEvent } from "./Volume.ts"

/** As inotify's own. */
const eventsMax = 16_384

export const makeWatch =
  ({ calls, disk, options: { workingDirectory }, path: paths, perform }: Program): FileSystem.FileSystem["watch"] =>
  (path, options) => {
    const { live } = disk.volume
    const started = Effect.gen(function* () {
      const watched = yield* perform(call("stat", "stat", "stat", path), { run: () => calls.stat(path) })
      const absolute = paths.resolve(workingDirectory, path)
      const nameOf = (event: VolumeEvent): string | undefined =>
        watched.kind === "Directory"
          ? nameWithin(live, watched, event, options?.recursive === true)
          : paths.basename(absolute) === event.name && live.get(event.directory) === calls.stat(paths.dirname(absolute))
            ? event.name
            : undefined
      return Stream.callback<FileSystem.WatchEvent, PlatformError.PlatformError>(
        (queue) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              const stop = disk.volume.listen((event) => {
                const name = nameOf(event)
                if (name !== undefined) Queue.offerUnsafe(queue, { _tag: tagOf(live, event), path: name })
              })
              options?.onReady?.()
              return stop
            }),
            (stop) => Effect.sync(stop)
          ),
        { bufferSize: eventsMax, strategy: "dropping" }
      )
    })
    return Stream.unwrap(started)
  }

/** The entry's path from the directory that is watched, if it is in there. */
const nameWithin = (live: Image, watched: Inode, event: VolumeEvent, recursive: boolean): string | undefined => {
  let name = event.name
  for (let at = event.directory; at !== watched.number;) {
    const directory = live.get(at)
    if (!recursive || directory?.kind !== "Directory" || directory === live.root) return undefined
    const parent = live.get(directory.parent)
    if (parent?.kind !== "Directory") return undefined
    const own = [...parent.entries].find(([, number]) => number === at)
    if (own === undefined) return undefined
    name = `${own[0]}/${name}`
    at = parent.number
  }
  return name
}

const tagOf = (live: Image, event: VolumeEvent): FileSystem.WatchEvent["_tag"] => {
  if (event.kind === "change") return "Update"
  const directory = live.get(event.directory)
  return directory?.kind === "Directory" && directory.entries.has(event.name) ? "Create" : "Remove"
}
