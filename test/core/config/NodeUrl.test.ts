import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { checkNodeUrl, socketPathBytesMax } from "../../../core/config/NodeUrl.ts"

describe("checkNodeUrl", () => {
  it.each([
    "http://127.0.0.1:9001",
    "http://web-1.example.org",
    "https://web-1:9001/",
    "http://[::1]:9001",
    "http://host:9001/supervisor/RPC2",
    "unix:///run/supervisor.sock",
    `unix:///${"a".repeat(socketPathBytesMax - 1)}`
  ])("keeps %s as it is", (url) => {
    assert.deepStrictEqual(checkNodeUrl(url), Result.succeed(url))
  })

  it.each([
    ["", "http://, https:// or unix:///path"],
    ["127.0.0.1:9001", "http://, https:// or unix:///path"],
    ["ftp://host", "http://, https:// or unix:///path"],
    ["HTTP://host", "http://, https:// or unix:///path"],
    ["http:/host", "http://, https:// or unix:///path"],
    [9001, "http://, https:// or unix:///path"],
    ["http://ho st", "http://, https:// or unix:///path, without blanks"],
    ["http://host\n", "http://, https:// or unix:///path, without blanks"],
    ["http://", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http:///RPC2", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http://:9001", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http://host:0x1", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http://host:65536", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http://\\host", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http://host\\x", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http://[::1", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http://999.1.1.1:80", "a URL with host and port, such as http://127.0.0.1:9001"],
    ["http://host/?a=1", "a URL without query and fragment"],
    ["http://host/#a", "a URL without query and fragment"],
    ["http://u@host", "a URL without credentials: set username and password instead"],
    ["http://u:p@host:1/x", "a URL without credentials: set username and password instead"],
    ["http://u:p/q@host", "a URL without credentials: set username and password instead"],
    ["unix://run/supervisor.sock", "unix:// with the absolute path of a socket, such as unix:///run/supervisor.sock"],
    ["unix:///", "unix:// with the absolute path of a socket, such as unix:///run/supervisor.sock"],
    ["unix:///run/", "unix:// with the absolute path of a socket, such as unix:///run/supervisor.sock"],
    [`unix:///${"a".repeat(socketPathBytesMax)}`, "a socket path of at most 107 bytes"],
    [`unix:///${"é".repeat(54)}`, "a socket path of at most 107 bytes"]
  ])("refuses %j", (url, expected) => {
    assert.deepStrictEqual(checkNodeUrl(url), Result.fail(expected))
  })
})
