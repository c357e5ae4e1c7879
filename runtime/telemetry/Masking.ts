/** Keeps secrets out of what is sent to a collector, by the rules of the log, and bounds its texts. */
import { type OtlpLogger, OtlpSerialization, type OtlpTracer } from "effect/observability"
import { Effect, Layer } from "effect"
import { bounded } from "../../core/log/LogText.ts"
import { isSecretName, redacted } from "../../core/log/Secrecy.ts"

interface AnyValue {
  stringValue?: string | null
  arrayValue?: { values: Array<AnyValue> }
  kvlistValue?: { values: Array<KeyValue> }
}

interface KeyValue {
  key: string
  value: AnyValue
}

const maskValue = <V extends AnyValue>(value: V): V => ({
  ...value,
  ...(typeof value.stringValue === "string" ? { stringValue: bounded(value.stringValue) } : {}),
  ...(value.arrayValue === undefined ? {} : { arrayValue: { values: value.arrayValue.values.map(maskValue) } }),
  ...(value.kvlistValue === undefined ? {} : { kvlistValue: { values: value.kvlistValue.values.map(maskPair) } })
})

const maskPair = <P extends KeyValue>(pair: P): P =>
  isSecretName(pair.key) && typeof pair.value.stringValue === "string"
    ? { ...pair, value: { ...pair.value, stringValue: redacted } }
    : { ...pair, value: maskValue(pair.value) }

const maskTraces = (data: OtlpTracer.TraceData): OtlpTracer.TraceData => ({
  resourceSpans: data.resourceSpans.map((resource) => ({
    ...resource,
    scopeSpans: resource.scopeSpans.map((scope) => ({
      ...scope,
      spans: scope.spans.map((span) => ({
        ...span,
        name: bounded(span.name),
        attributes: span.attributes.map(maskPair),
        events: span.events.map((event) => ({
          ...event,
          name: bounded(event.name),
          attributes: event.attributes.map(maskPair)
        })),
        status:
          span.status.message === undefined ? span.status : { ...span.status, message: bounded(span.status.message) }
      }))
    }))
  }))
})

const maskLogs = (data: OtlpLogger.LogsData): OtlpLogger.LogsData => ({
  ...data,
  resourceLogs: (data.resourceLogs ?? []).map((resource) => ({
    ...resource,
    scopeLogs: (resource.scopeLogs ?? []).map((scope) => ({
      ...scope,
      logRecords: (scope.logRecords ?? []).map((record) => ({
        ...record,
        attributes: record.attributes.map(maskPair),
        ...(record.body === undefined ? {} : { body: maskValue(record.body) })
      }))
    }))
  }))
})

/** The JSON form of OTLP without the secrets that can be told. */
export const layer: Layer.Layer<OtlpSerialization.OtlpSerialization> = Layer.effect(
  OtlpSerialization.OtlpSerialization,
  Effect.map(OtlpSerialization.OtlpSerialization, ({ logs, metrics, traces }) => ({
    metrics,
    traces: (data) => traces(maskTraces(data)),
    logs: (data) => logs(maskLogs(data))
  }))
).pipe(Layer.provide(OtlpSerialization.layerJson))
