// Package httputil is what the middleware needs of Traefik's proxy.
package httputil

// StatusClientClosedRequest is for a client that went away.
const StatusClientClosedRequest = 499
