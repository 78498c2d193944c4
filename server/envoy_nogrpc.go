//go:build nogrpc

package server

import (
	"context"
	"crypto/tls"
	"errors"

	"github.com/keyporter/keyporter/gateway"
)

// envoy doesn't exist in this build: make run leaves gRPC out, which is a quarter of all
// packages, because the demo doesn't need it.
type envoy struct{}

func listenForEnvoy(_ context.Context, address string, _ *gateway.Gateway, _ *tls.Config) (*envoy, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	return nil, errors.New("envoy_listen: this program was built without gRPC; build it with make build, or have Envoy ask over HTTP")
}

func (*Server) serveEnvoy() {}

// EnvoyAddress returns "".
func (*Server) EnvoyAddress() string { return "" }

func (*envoy) close() {}

func (*envoy) stop(context.Context) {}
