// Package httputil replaces Traefik's proxy with what the middlewares need of it.
package httputil

// StatusClientClosedRequest is for clients that went away.
const StatusClientClosedRequest = 499
