package tls

// DefaultTLSOptions are empty: nothing here speaks TLS.
var DefaultTLSOptions Options
