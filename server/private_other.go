//go:build !unix

package server

import "log/slog"

// Modes don't say who can read a file here.

func mustBePrivate(_, _ string) error { return nil }

func (c Config) warnOfExposed(*slog.Logger) {}
