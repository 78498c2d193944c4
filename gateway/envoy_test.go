//go:build !nogrpc

package gateway

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/peer"

	"github.com/keyporter/keyporter/web"
)

// TestAPanicLetsNobodyThrough uses a gateway without a checker, which panics on each call.
func TestAPanicLetsNobodyThrough(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	proxies, err := web.ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	s := authorization{gateway: &Gateway{proxies: proxies, log: slog.New(slog.NewTextHandler(&log, nil))}}
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}})
	out, err := s.Check(ctx, &authv3.CheckRequest{})
	if err != nil || out.GetStatus().GetCode() == 0 || out.GetDeniedResponse().GetStatus().GetCode() != 500 || !strings.Contains(log.String(), "panic") {
		t.Errorf("%v %v\n%s", out, err, log.String())
	}
}
