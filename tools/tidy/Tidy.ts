/**
 * All house rules that no general linter knows, over a set of files. Pure: the texts come in, the findings go out.
 */
import { applyAllowances } from "./Allowances.ts"
import { checkDeterminism } from "./Determinism.ts"
import { compareFindings, type Finding, formatFinding } from "./Finding.ts"
import { checkHouses, checkOneFile } from "./Houses.ts"
import { checkLockfile } from "./Lockfile.ts"
import { isCode, parseSource, type SourceFile } from "./SourceFile.ts"
import { checkTests } from "./Tests.ts"
import { checkFileLength, checkLeftovers, checkLineLength, checkOutside, checkTextLeftovers } from "./Text.ts"

/** A file as it is read. */
export interface TextFile {
  /** Path from the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** Everything that the house rules do not allow, by file and place. */
export const tidy = (files: ReadonlyArray<TextFile>): ReadonlyArray<Finding> => {
  const sources = files
    .filter((file) => isCode(file.path) && !isFixture(file.path))
    .map((file) => parseSource(file.path, file.text))
  const findings = [
    ...files.flatMap(checkText),
    ...sources.flatMap(checkSource),
    ...checkOneFile(sources),
    ...files.filter((file) => file.path === "package-lock.json").flatMap((file) => checkLockfile(file.path, file.text))
  ]
  const left = applyAllowances(findings, new Set(files.map((file) => file.path)))
  // One place can break a rule in two ways (`it.skip.each(table)(..)` is two calls); one message is enough.
  return [...new Map(left.map((finding) => [formatFinding(finding), finding])).values()].toSorted(compareFindings)
}

/** Captured bytes are as they were; only what points at one machine is nobody's business. */
const isFixture = (path: string): boolean => path.startsWith("test/fixtures/")

const isGenerated = (path: string): boolean => path === "package-lock.json"

/** Files of settings and programs; prose, data and pages break their lines as they like. */
const hasShortLines = (path: string): boolean =>
  isCode(path) || /\.(?:css|sh|sql|toml|ya?ml)$/.test(path) || path.startsWith(".ci/")

const checkText = ({ path, text }: TextFile): ReadonlyArray<Finding> => {
  const outside = checkOutside(path, text)
  if (isFixture(path) || isGenerated(path)) return outside
  return [
    ...outside,
    ...(hasShortLines(path) ? checkLineLength(path, text) : []),
    ...(isCode(path) ? [] : checkTextLeftovers(path, text))
  ]
}

const checkSource = (file: SourceFile): ReadonlyArray<Finding> =>
  file.syntaxErrors.length > 0
    ? file.syntaxErrors
    : [checkHouses, checkDeterminism, checkLeftovers, checkFileLength, checkTests].flatMap((check) => check(file))
