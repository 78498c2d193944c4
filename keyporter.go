// Package keyporter is the vocabulary of Keyporter: the nouns of API tokens, and the rules
// about them that need no database, network or clock.
//
// It has only types and pure functions, and imports only the standard library. Package store
// owns the state, control the changes, and verify the check of a call. The packages that
// speak HTTP are the doors.
package keyporter
