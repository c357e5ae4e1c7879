import { assert, describe, it } from "@effect/vitest"
import {
  isAtLeast,
  isUnlimited,
  lesserRole,
  seesNode,
  seesProcess,
  seesWholeNode
} from "../../../core/domain/Access.ts"
import type { Limits, Role } from "../../../core/domain/Access.ts"

const api = { group: "app", name: "api" }

/** On node `web`: is the node seen, the process `app:api`, and the whole of it? */
const table: ReadonlyArray<readonly [limits: ReadonlyArray<Limits>, node: boolean, process: boolean, whole: boolean]> =
  [
    [[], true, true, true],
    [[{}], true, true, true],
    [[{ nodes: [] }], false, false, false],
    [[{ nodes: ["web"] }], true, true, true],
    [[{ nodes: ["w*"] }], true, true, true],
    [[{ nodes: ["we"] }], false, false, false],
    [[{ nodes: ["*db", "web"] }], true, true, true],
    [[{ programs: [] }], true, false, false],
    [[{ programs: ["*"] }], true, true, false],
    [[{ programs: ["app:*"] }], true, true, false],
    [[{ programs: ["api"] }], true, false, false],
    [[{ programs: ["*:api"], nodes: ["db"] }], false, false, false],
    // All have to allow: of a user and of a token.
    [[{ nodes: ["web"] }, { nodes: ["db"] }], false, false, false],
    [[{ nodes: ["web"] }, { programs: ["app:api"] }], true, true, false],
    [[{ programs: ["app:*"] }, { programs: ["job:*"] }], true, false, false]
  ]

describe("limits", () => {
  it("leave what each of them allows", () => {
    for (const [limits, node, process, whole] of table) {
      const one = { limits }
      const text = JSON.stringify(limits)
      assert.strictEqual(seesNode(one, "web"), node, text)
      assert.strictEqual(seesProcess(one, "web", api), process, text)
      assert.strictEqual(seesWholeNode(one, "web"), whole, text)
    }
  })

  it("are none only when no list is there, not when everything matches", () => {
    assert.isTrue(isUnlimited({ limits: [] }))
    assert.isTrue(isUnlimited({ limits: [{}, {}] }))
    assert.isFalse(isUnlimited({ limits: [{}, { nodes: ["*"] }] }))
    assert.isFalse(isUnlimited({ limits: [{ programs: [] }] }))
  })
})

describe("roles", () => {
  it("are ordered", () => {
    const all: ReadonlyArray<Role> = ["viewer", "operator", "admin"]
    for (const [rank, role] of all.entries()) {
      for (const [otherRank, other] of all.entries()) {
        assert.strictEqual(isAtLeast(role, other), rank >= otherRank)
        assert.strictEqual(lesserRole(role, other), rank < otherRank ? role : other)
      }
    }
  })
})
