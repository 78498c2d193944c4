//go:build race

package keyportertest

// racing is set with the race detector.
const racing = true
