//go:build !race

package keyportertest

const racing = false
