//go:build race

package keyportertest

// Racing is whether the race detector watches.
const Racing = true
