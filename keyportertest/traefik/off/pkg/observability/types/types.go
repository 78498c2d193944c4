// Package types replaces Traefik's, which has the exporters, with what the dynamic configuration needs.
package types

// TracingVerbosity is how much is traced.
type TracingVerbosity string

// MinimalVerbosity is the default.
const MinimalVerbosity TracingVerbosity = "minimal"
