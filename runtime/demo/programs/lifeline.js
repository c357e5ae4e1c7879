/**
 * Ends this program when it is asked to, and when the console is gone, even by `kill -9`: the console holds the other
 * end of standard input, which the system closes with it.
 */
import { say } from "./log.js"

export const holdLifeline = () => {
  const end = (why) => {
    say(`bye: ${why}`)
    process.exit(0)
  }
  process.on("SIGTERM", () => end("asked to stop"))
  process.stdin.on("end", () => end("the console is gone"))
  process.stdin.on("error", () => end("the console is gone"))
  process.stdin.resume()
}
