//go:build !nogrpc

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

// envoy serves Envoy over gRPC, on its own listener.
type envoy struct {
	listener net.Listener
	grpc     *grpc.Server
}

// listenForEnvoy listens at an address. If it is empty, listenForEnvoy returns nil, and Envoy
// isn't served.
func listenForEnvoy(ctx context.Context, address string, g *gateway.Gateway, config *tls.Config) (*envoy, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, cantListen(address, "envoy_listen", err)
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

// EnvoyAddress returns the host and port that serve Envoy over gRPC, or "" if none do.
func (s *Server) EnvoyAddress() string {
	if s.envoy == nil {
		return ""
	}
	return s.envoy.listener.Addr().String()
}

// close closes the listener of a server that never served.
func (e *envoy) close() {
	if e != nil {
		_ = e.listener.Close()
	}
}

// stop lets the checks in progress finish, for as long as ctx allows.
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
		go e.grpc.Stop() // may wait for clients that connected and sent nothing
	}
}
