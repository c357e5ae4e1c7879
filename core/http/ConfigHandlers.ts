/** What the endpoints about the configuration do. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { ConfigErrors } from "../config/ConfigErrors.ts"
import { Settings } from "../config/Settings.ts"
import type { ReloadFailed, ReloadReport } from "../config/Settings.ts"
import { Api } from "./Api.ts"
import { errorBody } from "./ErrorBody.ts"
import { noted } from "./Noted.ts"

const refused = (message: string, details: Readonly<Record<string, unknown>>) =>
  Effect.flatMap(errorBody({ code: "config_invalid", message, details }), Effect.fail)

/** `config_invalid`, 422. Problems hold no secret. */
const invalid = ({ omitted, problems }: ConfigErrors) =>
  refused("the new configuration cannot be used; the one before stays in use", {
    problems,
    ...(omitted === undefined ? {} : { omitted })
  })

/** `config_invalid`, 422: the configuration is sound, and something that it names is not. */
const failed = ({ detail, field }: ReloadFailed) =>
  refused("what the new configuration names cannot be used; the one before stays in use", {
    problems: [{ reason: "Unusable", field, message: detail }]
  })

const noteOf = ({ changed, nodes: { added, changed: others, removed }, version }: ReloadReport) => ({
  detail: changed
    ? `version ${version}; nodes: ${added.length} added, ${others.length} changed, ${removed.length} removed`
    : `version ${version}, unchanged`
})

export const layer = HttpApiBuilder.group(
  Api,
  "config",
  Effect.fnUntraced(function* (handlers) {
    const settings = yield* Settings
    const reload = Effect.catchTags(noted(settings.reload, noteOf), { ConfigErrors: invalid, ReloadFailed: failed })
    return handlers.handleAll({
      get: () => settings.overview,
      reload: () => reload
    })
  })
)
