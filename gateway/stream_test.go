package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

// TestNoStreamIsCut has an API answer as soon as it has read a call, while the proxy may still be
// about to see the end of its body. KEYPORTER_STREAMS=10000 asks for more answers than usual.
func TestNoStreamIsCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Events)
	keyportertest.CutStreams(t, w.door, strings.Repeat("x", 6000)+keyportertest.EndOfCall+strings.Repeat("x", 6000), func(address string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/Api/v6/mcp", nil)
		if err != nil {
			panic(err)
		}
		r.Header.Set("Apitoken", w.secret)
		return r
	})
}
