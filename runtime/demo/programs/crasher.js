/** A program that cannot start: it says why and exits with status 7, until its manager gives up. */
import { holdLifeline } from "./lifeline.js"
import { complain } from "./log.js"

const crashMs = 200

holdLifeline()
setTimeout(() => {
  complain("cannot reach the database at 127.0.0.1:1, giving up")
  process.exit(7)
}, crashMs)
