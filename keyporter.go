// Package keyporter is the vocabulary of Keyporter: the nouns of API tokens and
// the rules about them that need no database, no network and no clock of their own.
//
// It owns types and pure functions only, and imports nothing but the standard
// library. State lives in package store, changes in control, the check of a call
// in verify; everything that speaks HTTP is a door and stands outside of these.
package keyporter
