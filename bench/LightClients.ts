/**
 * Many clients in a process of their own, for the benchmarks: `node bench/LightClients.ts KIND PORT COUNT`, where KIND
 * is `websocket` or `socket.io`. They read and count; nothing is decoded. Prints `ready` when all are connected, and at
 * each line on its standard input the bytes that it has received so far. Ends with its input.
 */
import { createConnection } from "node:net"
import { createInterface } from "node:readline"
import { io } from "socket.io-client"

const [kind = "", port = "", count = ""] = process.argv.slice(2)

let received = 0
let connected = 0
const arrived = () => {
  connected += 1
  if (connected === Number(count)) console.log("ready")
}

const key = Buffer.from("0123456789abcdef").toString("base64")
const handshake =
  `GET /api/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`

const connectPlain = () => {
  const socket = createConnection(Number(port), "127.0.0.1")
  socket.setNoDelay()
  socket.write(handshake)
  socket.once("data", arrived)
  socket.on("data", (bytes) => (received += bytes.length))
  socket.on("error", (error) => console.error(String(error)))
}

const connectSocketIo = () => {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true, reconnection: false })
  socket.on("connect", arrived)
  socket.on("event", (text: string) => (received += text.length))
}

// In waves: a server has a queue for connections that nobody has accepted yet.
const wave = 50
let left = Number(count)
const timer = setInterval(() => {
  for (let i = 0; i < wave && left > 0; i++, left--) (kind === "socket.io" ? connectSocketIo : connectPlain)()
  if (left === 0) clearInterval(timer)
}, 20)

createInterface({ input: process.stdin })
  .on("line", () => console.log(received))
  .on("close", () => process.exit(0))
