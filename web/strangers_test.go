package web_test

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/keyporter/keyporter/web"
)

// TestStrangersDoNotFillTheLog has many addresses pose as proxies at once.
func TestAStrangerWhoNamesAHostIsReported(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	proxies := web.Proxies{}.Report(slog.New(slog.NewTextHandler(&out, nil)))
	r := &http.Request{RemoteAddr: "10.0.0.1:1", Host: "own.example", Header: http.Header{"X-Forwarded-Host": {"api.example"}}}
	if got, ok := proxies.WithHost(r); !ok || got.Host != "own.example" || strings.Count(out.String(), "trusted_proxies") != 1 {
		t.Errorf("%q, %v; the log says %s", got.Host, ok, &out)
	}
}

func TestStrangersDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	proxies, err := web.ParseProxies([]string{"192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	proxies = proxies.Report(slog.New(slog.NewTextHandler(&out, nil)))
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 100)}), uint16(i+1))
			proxies.Client(&http.Request{RemoteAddr: from.String(), Header: http.Header{"X-Forwarded-For": {"203.0.113.7"}}})
		})
	}
	all.Wait()
	if got := out.String(); strings.Count(got, "trusted_proxies") != 10 || strings.Count(got, "last_report") != 1 {
		t.Errorf("the log says %s", got)
	}
}
