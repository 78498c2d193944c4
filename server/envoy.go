package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/keyporter/keyporter/gateway"
)

// envoy answers Envoy over gRPC, on a listener of its own.
type envoy struct {
	listener net.Listener
	grpc     *grpc.Server
}

// listenForEnvoy listens at an address; an empty one is nil, and nothing is served.
func listenForEnvoy(ctx context.Context, address string, g *gateway.Gateway, config *tls.Config) (*envoy, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for Envoy: %w", err)
	}
	var options []grpc.ServerOption
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	return &envoy{listener: listener, grpc: g.EnvoyServer(options...)}, nil
}

func (s *Server) serveEnvoy() {
	if err := s.envoy.grpc.Serve(s.envoy.listener); err != nil {
		s.failed <- fmt.Errorf("serve Envoy: %w", err)
	}
}

// EnvoyAddress returns where Envoy is answered over gRPC, empty if it isn't.
func (s *Server) EnvoyAddress() string {
	if s.envoy == nil {
		return ""
	}
	return s.envoy.listener.Addr().String()
}

// stop lets questions be answered that were asked, for as long as ctx allows.
func (e *envoy) stop(ctx context.Context) {
	if e == nil {
		return
	}
	stopped := make(chan struct{})
	go func() {
		e.grpc.GracefulStop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		e.grpc.Stop()
	}
}
