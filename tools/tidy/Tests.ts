/**
 * Tests that do not run, or keep others from running. A skipped test says why, so that nobody takes its silence for a
 * pass: a comment on the line above `it.skip`, or "skipped: .." in its title; at run time, a reason as last argument.
 */
import type { CallExpression, Node } from "oxc-parser"
import type { Finding } from "./Finding.ts"
import { descendants } from "./References.ts"
import { isTest, type SourceFile } from "./SourceFile.ts"

const declarers: ReadonlySet<string> = new Set(["it", "test", "describe", "suite", "bench", "layer"])

/** Focused tests, and skipped ones without a reason. */
export const checkTests = (file: SourceFile): ReadonlyArray<Finding> =>
  isTest(file.path)
    ? descendants(file.program).flatMap((node) => (node.type === "CallExpression" ? checkCall(file, node) : []))
    : []

const checkCall = (file: SourceFile, call: CallExpression): ReadonlyArray<Finding> => {
  const path = memberPath(call.callee)
  const root = path[0]
  if (root === undefined || path.length < 2) return []
  const name = path.join(".")
  const declares = declarers.has(root)
  if (declares && path.includes("only")) {
    return [finding(file, call, "focused-test", name, `${name} keeps all other tests from running, use ${root}`)]
  }
  if (declares && (path.includes("skip") || path.includes("todo"))) {
    const message = `${name} does not say why, put the reason in a comment on the line above, or in the title`
    return hasCommentAbove(file, call) || hasReasonInTitle(file, call)
      ? []
      : [finding(file, call, "skipped-test", name, message)]
  }
  // At run time: `ctx.skip()` in the body of a test.
  if (!declares && path.at(-1) === "skip" && isContext(root) && !endsWithReason(call)) {
    const message = `${name} does not say why, give the reason as its last argument`
    return [finding(file, call, "skipped-test", name, message)]
  }
  return []
}

/** Other libraries skip things too (`Stream.drop`, iterators): only the usual names of vitest's test context count. */
const isContext = (name: string): boolean => /^(?:ctx|context|task|t)$/.test(name)

const endsWithReason = (call: CallExpression): boolean => {
  const last = call.arguments.at(-1)
  return last?.type === "TemplateLiteral" || (last?.type === "Literal" && typeof last.value === "string")
}

const hasReasonInTitle = (file: SourceFile, call: CallExpression): boolean =>
  call.arguments.slice(0, 1).some((title) => /skipped: \S/.test(file.text.slice(title.start, title.end)))

const hasCommentAbove = (file: SourceFile, call: CallExpression): boolean => {
  const { line } = file.positionOf(call.start)
  return file.comments.some((comment) => {
    const end = file.positionOf(comment.end).line
    return end === line || end === line - 1
  })
}

/** `it.effect.skip` as its parts; what is called on the way (`it.each(table)`) counts as its callee. */
const memberPath = (node: Node): ReadonlyArray<string> => {
  if (node.type === "Identifier") return [node.name]
  if (node.type === "CallExpression") return memberPath(node.callee)
  if (node.type !== "MemberExpression" || node.property.type !== "Identifier") return []
  const path = memberPath(node.object)
  return path.length === 0 ? [] : [...path, node.property.name]
}

const finding = (file: SourceFile, call: CallExpression, rule: string, subject: string, message: string): Finding => ({
  file: file.path,
  ...file.positionOf(call.start),
  rule,
  subject,
  message
})
