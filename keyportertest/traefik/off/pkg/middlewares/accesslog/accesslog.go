// Package accesslog replaces Traefik's: there is no log.
package accesslog

import "net/http"

// ClientUsername is the name of a field.
const ClientUsername = "ClientUsername"

// LogData is never made.
type LogData struct{ Core map[string]any }

// GetLogData returns nil: nothing is logged.
func GetLogData(*http.Request) *LogData { return nil }
