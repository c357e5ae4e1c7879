/** Buttons that copy a command. */

export const startCopying = (): void => {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!(button instanceof HTMLButtonElement)) continue
    button.hidden = false
    button.addEventListener("click", () => copy(button))
  }
}

/** Where the browser does not let a page copy, the text is selected, to be copied by hand. */
export const copy = (button: HTMLButtonElement): void => {
  const source = document.getElementById(button.dataset["copy"] ?? "")
  if (source === null) return
  const byHand = () => {
    getSelection()?.selectAllChildren(source)
    button.textContent = "Press Ctrl+C"
  }
  const done = () => {
    button.textContent = "Copied"
  }
  const clipboard: Clipboard | undefined = navigator.clipboard
  if (clipboard === undefined) byHand()
  else clipboard.writeText(source.textContent ?? "").then(done, byHand)
}
