/**
 * The script of a page. It is written as modules in `client/` that are type-checked and tested like all others, and put
 * into the page as the text of their functions: what a module exports, by its name, in one scope with the exports of
 * the others. So every function and constant of `client/` is exported, and refers to nothing but those and the browser.
 */
import * as elements from "./client/Elements.ts"
import * as filter from "./client/Filter.ts"
import * as lanesView from "./client/LanesView.ts"
import * as listView from "./client/ListView.ts"
import * as rows from "./client/Rows.ts"
import * as tables from "./client/Tables.ts"
import * as copying from "./client/Copying.ts"
import * as viewer from "./client/Viewer.ts"
import * as quantities from "./Quantities.ts"
import * as shapes from "./Shapes.ts"

const declarations = (module: object): ReadonlyArray<string> =>
  Object.entries(module).map(([name, value]: [string, unknown]) =>
    typeof value === "function" ? `const ${name} = ${value.toString()}` : `const ${name} = ${JSON.stringify(value)}`
  )

const scopeOf = (modules: ReadonlyArray<object>, start: ReadonlyArray<string>): string =>
  ['"use strict"', "{", ...modules.flatMap(declarations), ...start.map((name) => `${name}()`), "}"].join("\n")

/** Pictures that can be stepped through. */
const pictures = [quantities, shapes, elements, filter, rows, lanesView, listView, viewer]

/** Of the page of one run. */
export const runScript: string = scopeOf(pictures, ["startViewers"])

/** Of the page of a result. */
export const checkScript: string = scopeOf(
  [...pictures, copying, tables],
  ["startViewers", "startCopying", "startTables"]
)
