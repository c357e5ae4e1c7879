/** A program that does nothing, for as long as it is let. */
import { holdLifeline } from "./lifeline.js"
import { say } from "./log.js"

holdLifeline()
say("steady, and staying so")
