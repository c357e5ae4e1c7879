/** Endpoints about the configuration of the console, for administrators. */
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ConfigOverview, ReloadReport } from "../config/Settings.ts"
import { accessErrors, ConfigInvalid, Internal, InvalidRequest } from "./ErrorBody.ts"
import { RouteAccess } from "./RouteAccess.ts"

export class ConfigApi extends HttpApiGroup.make("config")
  .add(
    HttpApiEndpoint.get("get", "/config", { success: ConfigOverview, error: [...accessErrors, Internal] })
      .annotate(OpenApi.Summary, "The configuration in use")
      .annotate(
        OpenApi.Description,
        "Every setting with its value and where that comes from, all of one version. Secrets are `***`, and text " +
          "that takes environment variables is as the file has it."
      ),
    HttpApiEndpoint.post("reload", "/config/reload", {
      success: ReloadReport,
      error: [...accessErrors, InvalidRequest, ConfigInvalid, Internal]
    })
      .annotate(OpenApi.Summary, "Load the configuration again")
      .annotate(
        OpenApi.Description,
        "As SIGHUP does, after all reloads that were asked for before. All of it takes effect, but for the settings " +
          "that need a restart and are named; or nothing does. Programs that change are stopped and started afterwards."
      )
  )
  .annotateEndpoints(RouteAccess, "admin")
  .prefix("/api")
  .annotate(OpenApi.Description, "The configuration of the console.") {}
