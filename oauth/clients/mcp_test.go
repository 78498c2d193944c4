package clients

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// mcpServer is an API behind the gateway: a server of the Model Context Protocol that knows
// nothing about tokens. It says who is calling, from the gateway's headers.
func mcpServer(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(r *http.Request) *mcp.Server {
		who := r.Header.Get("X-Keyporter-Login")
		s := mcp.NewServer(&mcp.Implementation{Name: "envelopes", Version: "1"}, nil)
		type none struct{}
		mcp.AddTool(s, &mcp.Tool{Name: "whoami", Description: "says who is calling"}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, none, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: who}}}, none{}, nil
		})
		return s
	}, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}))
	t.Cleanup(s.Close)
	return s.URL
}

// mcpClient is a client that knows only the address of the server, and registers itself.
type mcpClient struct {
	keyporter *keyportertest.Program
	visitor   *keyportertest.Visitor
	approve   bool     // an operator approves the app when it has registered itself
	asked     []string // addresses that the browser was sent to
}

// fetch has ada sign in and allow the app, after the operator has approved it.
func (c *mcpClient) fetch(t *testing.T) auth.AuthorizationCodeFetcher {
	return func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
		c.asked = append(c.asked, args.URL)
		if c.approve {
			_, id, _ := strings.Cut(args.URL, "client_id=")
			id, _, _ = strings.Cut(id, "&")
			app, err := c.keyporter.Control.App(ctx, keyporter.Command(), keyporter.ID(id))
			if err != nil {
				return nil, err
			}
			if err := c.keyporter.Control.ApproveApp(ctx, keyporter.Command(), app.App.ID, app.App.Version); err != nil {
				return nil, err
			}
		}
		back, err := c.visitor.Visit(ctx, args.URL, nativeCallback)
		if err != nil {
			return nil, err
		}
		q := back.Query()
		return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
	}
}

func (c *mcpClient) connect(t *testing.T, endpoint string) (*mcp.ClientSession, error) {
	t.Helper()
	p := &provider{certificate: c.keyporter.Certificate}
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
			ClientName: "An assistant", RedirectURIs: []string{nativeCallback}, TokenEndpointAuthMethod: "none",
			GrantTypes: []string{"authorization_code", "refresh_token"},
		}},
		RequestRefreshToken: true, AuthorizationCodeFetcher: c.fetch(t), Client: p.client(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "assistant", Version: "1"}, nil)
	return client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: endpoint, HTTPClient: p.client(t), OAuthHandler: handler, DisableStandaloneSSE: true, MaxRetries: -1,
	}, nil)
}

func newMCPClient(t *testing.T) (c *mcpClient, endpoint string) {
	t.Helper()
	address := keyportertest.FreeAddress(t)
	endpoint = "https://" + address + "/mcp"
	k := keyportertest.StartProgram(t, map[string]any{"listen": address, "apis": []map[string]any{{
		"name": "mcp", "upstream": mcpServer(t), "resource": endpoint,
		"routes": []map[string]any{{"path": "/mcp", "scope": "envelope.read", "credentials": []string{"access_token"}}},
	}}})
	keyportertest.User(t, k.Control, "Acme", login, keyporter.RoleAPIUser)
	return &mcpClient{keyporter: k, visitor: keyportertest.NewVisitor(t, login, keyportertest.Trust(t, k.Certificate))}, endpoint
}

// TestMCPClient starts from only the address of an API, and finds what protects it (RFC 9728) and
// where its tokens come from (RFC 8414), registers (RFC 7591), and gets a token for that API
// (RFC 8707) with PKCE.
func TestMCPClient(t *testing.T) {
	c, endpoint := newMCPClient(t)
	c.approve = true
	session, err := c.connect(t, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	got, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
	if err != nil || len(got.Content) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if text, ok := got.Content[0].(*mcp.TextContent); !ok || text.Text != login {
		t.Errorf("the API learns that it is called by %+v", got.Content[0])
	}
	if len(c.asked) != 1 || !strings.Contains(c.asked[0], "code_challenge_method=S256") {
		t.Errorf("asked was %v", c.asked)
	}
}

func TestAnUnapprovedMCPClient(t *testing.T) {
	c, endpoint := newMCPClient(t)
	c.visitor.Ends = []string{"hasn't approved it yet"}
	session, err := c.connect(t, endpoint)
	if err == nil {
		_ = session.Close()
		t.Fatal("it gets in")
	}
	if len(c.asked) == 0 {
		t.Errorf("nobody was asked: %v", err)
	}
}
