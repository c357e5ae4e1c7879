/**
 * Where the XML-RPC of a supervisord is reached, from the URL that its configuration states.
 *
 * | configured | requested |
 * |---|---|
 * | `http://host:9001`, `https://host` | the same with the path `/RPC2` |
 * | `https://proxy/team-a/RPC2` | as it is: a proxy may serve it elsewhere |
 * | `unix:///run/supervisor.sock` | `http+unix://%2Frun%2Fsupervisor.sock/RPC2`, for the `HttpClient` to understand |
 *
 * As in supervisord's own `serverurl`, all that follows `unix://` is the path, without escapes. A user name or password
 * inside the URL is dropped, so that it cannot reach a log; credentials are given apart.
 */
const unixPrefix = "unix://"
const rpcPath = "/RPC2"

/** The URL to post calls to. A text that is no URL comes back as it is, and the request fails with the reason. */
export const rpcUrl = (configured: string): string => {
  if (configured.startsWith(unixPrefix)) {
    return `http+unix://${encodeURIComponent(configured.slice(unixPrefix.length))}${rpcPath}`
  }
  if (!URL.canParse(configured)) return configured
  const url = new URL(configured)
  url.username = ""
  url.password = ""
  url.hash = ""
  if (url.pathname === "/" || url.pathname === "") url.pathname = rpcPath
  return url.href
}

/** The URL to follow a log at: beside that of the calls. `name` is `group:name`. */
export const logtailUrl = (configured: string, name: string, channel: string): string => {
  const base = rpcUrl(configured)
  const folder = base.split("?")[0]?.replace(/(\/RPC2)?\/*$/, "") ?? base
  return `${folder}/logtail/${encodeURIComponent(name)}/${channel}`
}
