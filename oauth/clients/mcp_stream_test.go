package clients

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// askingServer is an MCP server whose tool asks the user something, on the stream that answers the
// client's call.
func askingServer(t *testing.T) string {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "envelopes", Version: "1"}, nil)
	type none struct{}
	mcp.AddTool(server, &mcp.Tool{Name: "send", Description: "asks before it sends"}, func(ctx context.Context, r *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, none, error) {
		said, err := r.Session.Elicit(ctx, &mcp.ElicitParams{Message: "Send it?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}}})
		if err != nil {
			return nil, none{}, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: said.Action}}}, none{}, nil
	})
	s := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	t.Cleanup(s.Close)
	return s.URL
}

// withToken sends each request with a token.
type withToken struct {
	secret string
	next   http.RoundTripper
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("ApiToken", w.secret)
	return w.next.RoundTrip(r)
}

// TestMCPElicitation has a tool ask its user something, many times. The call, its stream, and the answer
// to the question share connections. KEYPORTER_STREAMS=1000 asks more often than usual.
func TestMCPElicitation(t *testing.T) {
	k := keyportertest.StartProgram(t, map[string]any{"apis": []map[string]any{{
		"name": "mcp", "upstream": askingServer(t), "routes": []map[string]any{{"path": "/mcp", "credentials": []string{"user_token"}}},
	}}})
	_, secret := keyportertest.Token(t, k.Control, keyportertest.User(t, k.Control, "Acme", login, keyporter.RoleAPIUser), "Assistant")
	client := mcp.NewClient(&mcp.Implementation{Name: "assistant", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{}}, nil
		},
	})
	for _, http2 := range []bool{false, true} {
		session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
			Endpoint: k.URL + "/mcp", MaxRetries: -1,
			HTTPClient: &http.Client{Transport: withToken{secret.Reveal(), &http.Transport{TLSClientConfig: keyportertest.Trust(t, k.Certificate), ForceAttemptHTTP2: http2, MaxIdleConnsPerHost: 8}}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		elicit(t, session)
		_ = session.Close()
	}
}

// elicit calls the tool from eight callers at once.
func elicit(t *testing.T, session *mcp.ClientSession) {
	t.Helper()
	n, err := strconv.ParseInt(os.Getenv("KEYPORTER_STREAMS"), 10, 64)
	if err != nil {
		n = 50
	}
	var next, failed atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for next.Add(1) <= n {
				got, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "send"})
				if err != nil || got.IsError || len(got.Content) != 1 {
					if failed.Add(1) <= 3 {
						t.Errorf("%+v, %v", got, err)
					}
				}
			}
		})
	}
	callers.Wait()
	t.Logf("%d of %d elicitations failed", failed.Load(), n)
}
