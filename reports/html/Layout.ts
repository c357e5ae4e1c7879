/** The frame of a page: one file, that needs nothing from anywhere, in the dark and in the light. */
import { type Html, html, trusted } from "./Html.ts"

export interface PageParts {
  readonly title: string
  /** Names the kind of page, for its style. */
  readonly kind: "check" | "run"
  readonly style: string
  readonly body: Html
  readonly script: string
}

/** The policy lets nothing be loaded and nothing be sent, whatever else the page holds. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

export const page = ({ body, kind, script, style, title }: PageParts): string =>
  `${
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta http-equiv="Content-Security-Policy" content="${policy}" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>${title}</title>
          <link rel="icon" href="data:," />
          <style>
            ${trusted(style)}
          </style>
        </head>
        <body class="${kind}-page">
          ${body}
          <script>
            ${trusted(script)}
          </script>
        </body>
      </html>`.markup
  }\n`
