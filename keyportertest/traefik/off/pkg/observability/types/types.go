// Package types is what Traefik's dynamic configuration needs of the one with the exporters.
package types

// TracingVerbosity is how much is traced.
type TracingVerbosity string

// MinimalVerbosity is the default.
const MinimalVerbosity TracingVerbosity = "minimal"
