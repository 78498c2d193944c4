module github.com/traefik/traefik/v3

go 1.24.0

require (
	github.com/cenkalti/backoff/v4 v4.3.0
	github.com/rs/zerolog v1.33.0
	github.com/traefik/paerser v0.2.2
	github.com/unrolled/secure v1.0.9
	github.com/vulcand/oxy/v2 v2.0.3
	go.opentelemetry.io/otel/trace v1.38.0
	golang.org/x/net v0.48.0
	google.golang.org/grpc v1.78.0
)
