/** A program that answers HTTP on a free port of 127.0.0.1 and logs its URL. */
import { createServer } from "node:http"
import { holdLifeline } from "./lifeline.js"
import { say } from "./log.js"

let answered = 0

const server = createServer((request, response) => {
  answered += 1
  response.setHeader("content-type", "application/json")
  response.end(
    `${JSON.stringify({ hello: "from the demo fleet", answered, uptimeSeconds: Math.floor(process.uptime()) })}\n`
  )
  say(`${request.method} ${JSON.stringify(request.url)}`)
})

holdLifeline()
server.listen(0, "127.0.0.1", () => {
  say(`listening on http://127.0.0.1:${server.address().port}`)
})
