import { assert, describe, it } from "@effect/vitest"
import { rpcUrl } from "../../../core/supervisor/SupervisorUrl.ts"

describe("rpcUrl", () => {
  it.each([
    ["http://127.0.0.1:9001", "http://127.0.0.1:9001/RPC2"],
    ["http://127.0.0.1:9001/", "http://127.0.0.1:9001/RPC2"],
    ["https://node.test", "https://node.test/RPC2"],
    ["https://proxy.test/team-a/RPC2", "https://proxy.test/team-a/RPC2"],
    ["http://[::1]:9001", "http://[::1]:9001/RPC2"],
    ["unix:///run/supervisor.sock", "http+unix://%2Frun%2Fsupervisor.sock/RPC2"],
    ["unix:///run/With 100%/ü.sock", "http+unix://%2Frun%2FWith%20100%25%2F%C3%BC.sock/RPC2"],
    ["http://admin:s3cret@node.test:9001", "http://node.test:9001/RPC2"],
    ["not a url", "not a url"]
  ])("turns %s into %s", (configured, requested) => {
    assert.strictEqual(rpcUrl(configured), requested)
  })

  it("keeps the socket path readable from the host of the URL", () => {
    const path = "/run/With 100%/ü.sock"
    assert.strictEqual(decodeURIComponent(new URL(rpcUrl(`unix://${path}`)).hostname), path)
  })
})
