/** Tables that are sorted by a click on a header, and filtered by text and status. */
import { part } from "./Elements.ts"

export const startTables = (): void => {
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    for (const [column, header] of [...table.querySelectorAll("thead th")].entries()) {
      if (header instanceof HTMLElement) makeSortable(table, header, column)
    }
  }
  for (const section of document.querySelectorAll("[data-filtered]")) {
    const controls = part(section, "filter")
    controls.hidden = false
    controls.addEventListener("input", () => filterRows(section))
  }
}

export const makeSortable = (table: Element, header: HTMLElement, column: number): void => {
  const button = document.createElement("button")
  button.type = "button"
  button.className = "sort"
  button.append(...header.childNodes)
  header.append(button)
  button.addEventListener("click", () => {
    const isAscending = header.getAttribute("aria-sort") !== "ascending"
    for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort")
    header.setAttribute("aria-sort", isAscending ? "ascending" : "descending")
    const body = table.querySelector("tbody")
    if (body === null) return
    const rows = [...body.querySelectorAll("tr")].toSorted((a, b) => compareCells(a, b, column))
    body.append(...(isAscending ? rows : rows.toReversed()))
  })
}

/** By the number of the cell if it has one, else by its text. */
export const compareCells = (a: Element, b: Element, column: number): number => {
  const [first, second] = [a.children[column], b.children[column]]
  const [x, y] = [first?.getAttribute("data-value"), second?.getAttribute("data-value")]
  if (typeof x === "string" && typeof y === "string") return Number(x) - Number(y)
  return (first?.textContent ?? "").localeCompare(second?.textContent ?? "", "en", { numeric: true })
}

export const filterRows = (section: Element): void => {
  const text = part(section, "filter-text")
  const status = part(section, "filter-status")
  const sought = text instanceof HTMLInputElement ? text.value.trim().toLowerCase() : ""
  const wanted = status instanceof HTMLSelectElement ? status.value : ""
  let left = 0
  for (const row of section.querySelectorAll("tbody tr")) {
    if (!(row instanceof HTMLElement)) continue
    const isShown =
      (wanted === "" || row.dataset["status"] === wanted) && (row.textContent ?? "").toLowerCase().includes(sought)
    row.hidden = !isShown
    if (isShown) left++
  }
  part(section, "filter-left").textContent = `${left} shown`
}
