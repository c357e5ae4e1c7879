/** Finding and making elements. */

/** The part of that name inside: an element with `data-part`. Every part is in the page as it was written. */
export const part = (root: Element, name: string): HTMLElement => {
  const found = root.querySelector(`[data-part="${name}"]`)
  if (found instanceof HTMLElement) return found
  throw new Error(`the page has no part ${name}`)
}

export const element = (name: string, className: string, text = ""): HTMLElement => {
  const made = document.createElement(name)
  made.className = className
  made.textContent = text
  return made
}

export const drawn = (
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...inside: ReadonlyArray<Node | string>
): SVGElement => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value))
  made.append(...inside)
  return made
}
