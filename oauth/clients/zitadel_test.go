package clients

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

// site is a website whose visitors sign in at a provider. It uses zitadel's handlers.
type site struct {
	*httptest.Server

	party  rp.RelyingParty
	tokens *oidc.Tokens[*oidc.IDTokenClaims] // of the last one who signed in
	info   *oidc.UserInfo
}

func (p *provider) client(t *testing.T) *http.Client {
	t.Helper()
	return &http.Client{Transport: &http.Transport{TLSClientConfig: keyportertest.Trust(t, p.certificate)}, Timeout: 20 * time.Second}
}

func newSite(t *testing.T, p *provider) *site {
	t.Helper()
	mux := http.NewServeMux()
	s := &site{Server: httptest.NewServer(mux)}
	t.Cleanup(s.Close)
	cookies := httphelper.NewCookieHandler([]byte(rand.Text()[:16]), []byte(rand.Text()[:16]), httphelper.WithUnsecure()) // it is on plain HTTP
	var err error
	s.party, err = rp.NewRelyingPartyOIDC(t.Context(), p.issuer, string(p.native), "", s.URL+"/cb", strings.Fields(scopes),
		rp.WithHTTPClient(p.client(t)), rp.WithPKCE(cookies), rp.WithSigningAlgsFromDiscovery(), rp.WithVerifierOpts(rp.WithIssuedAtMaxAge(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/login", rp.AuthURLHandler(rand.Text, s.party, rp.WithPromptURLParam("consent")))
	mux.Handle("/cb", rp.CodeExchangeHandler(rp.UserinfoCallback(s.signedIn), s.party))
	return s
}

//nolint:revive // zitadel's handler has these arguments
func (s *site) signedIn(w http.ResponseWriter, _ *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims], _ string, _ rp.RelyingParty, info *oidc.UserInfo) {
	s.tokens, s.info = tokens, info
	_, _ = w.Write([]byte("welcome to the site"))
}

// each runs a test at Keyporter and at the oracle.
func each(t *testing.T, test func(t *testing.T, p *provider)) {
	t.Helper()
	for name, start := range map[string]func(*testing.T) *provider{"keyporter": newKeyporter, "oracle": newOracle} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func TestZitadelRelyingParty(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *provider) {
		s := newSite(t, p)
		v := keyportertest.NewVisitor(t, login, keyportertest.Trust(t, p.certificate))
		v.Ends = []string{"welcome to the site"}
		if _, err := v.Visit(t.Context(), s.URL+"/login", "nowhere:"); err != nil {
			t.Fatal(err)
		}
		if s.info.Email != login || s.info.Subject != s.tokens.IDTokenClaims.Subject {
			t.Errorf("userinfo is %+v", s.info)
		}
		next, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), s.party, s.tokens.RefreshToken, "", "")
		if err != nil || next.RefreshToken == s.tokens.RefreshToken {
			t.Fatalf("refresh: %+v, %v", next, err)
		}
		if err := rp.RevokeToken(t.Context(), s.party, next.RefreshToken, "refresh_token"); err != nil {
			t.Error(err)
		}
		if _, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), s.party, next.RefreshToken, "", ""); err == nil {
			t.Error("a revoked token works")
		}
	})
}

func TestZitadelDevice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *provider) {
		s := newSite(t, p)
		asked, err := rp.DeviceAuthorization(t.Context(), strings.Fields(scopes), s.party, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.allow(t, asked.VerificationURIComplete)
		every := time.Duration(cmp.Or(asked.Interval, 5)) * time.Second // RFC 8628 §3.2
		got, err := rp.DeviceAccessToken(t.Context(), asked.DeviceCode, every, s.party)
		if err != nil || got.AccessToken == "" {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

// allow has ada open an address and say yes to what she is asked.
func (p *provider) allow(t *testing.T, address string) {
	t.Helper()
	v := keyportertest.NewVisitor(t, login, keyportertest.Trust(t, p.certificate))
	v.Ends = finished
	if _, err := v.Visit(t.Context(), address, "nowhere:"); err != nil {
		t.Fatal(err)
	}
}

func TestZitadelResourceServer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *provider) {
		ctx := context.WithoutCancel(t.Context())
		party, err := rp.NewRelyingPartyOIDC(ctx, p.issuer, string(p.web), p.secret, callback, []string{"envelope.read"}, rp.WithHTTPClient(p.client(t)))
		if err != nil {
			t.Fatal(err)
		}
		token, err := rp.ClientCredentials(ctx, party, url.Values{})
		if err != nil {
			t.Fatal(err)
		}
		api, err := rs.NewResourceServerClientCredentials(ctx, p.issuer, string(p.web), p.secret, rs.WithClient(p.client(t)))
		if err != nil {
			t.Fatal(err)
		}
		about, err := rs.Introspect[*oidc.IntrospectionResponse](ctx, api, token.AccessToken)
		if err != nil || !about.Active || about.ClientID != string(p.web) || strings.Join(about.Scope, " ") != "envelope.read" {
			t.Errorf("%+v, %v", about, err)
		}
		about, err = rs.Introspect[*oidc.IntrospectionResponse](ctx, api, "kpa_unknown")
		if err != nil || about.Active {
			t.Errorf("%+v, %v", about, err)
		}
	})
}

// TestZitadelResourceServerWithAKey has a resource server that authenticates with a key ask about a
// token of another app.
func TestZitadelResourceServerWithAKey(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: "api", Algorithm: "RS256", Use: "sig"}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})

	p := newKeyporter(t)
	ada, err := p.node.DB.UserByLogin(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	native, err := p.node.DB.AppByID(t.Context(), p.native)
	if err != nil {
		t.Fatal(err)
	}
	_, token := p.node.AccessToken(t, p.node.Connect(t, ada, native, "envelope.read"), keyporter.AccessToken{Scopes: []string{"envelope.read"}})
	for name, introspects := range map[string]bool{"may ask": true, "may not": false} {
		t.Run(name, func(t *testing.T) {
			app := p.node.App(t, keyporter.App{
				Name: "The API, which " + name, Authentication: keyporter.AppKey, Keys: asJSON(t, publicKeys(key)), Introspects: introspects,
			})
			api, err := rs.NewResourceServerJWTProfile(t.Context(), p.issuer, string(app.ID), key.KeyID, text, rs.WithClient(p.client(t)))
			if err != nil {
				t.Fatal(err)
			}
			var about *oidc.IntrospectionResponse
			keyportertest.Eventually(t, "the program has heard of what another node wrote", func() bool {
				about, err = rs.Introspect[*oidc.IntrospectionResponse](t.Context(), api, token.Reveal())
				return err == nil && about.Active == introspects
			})
			if introspects && about.Username != login {
				t.Errorf("%+v, %v", about, err)
			}
		})
	}
}

// oauth2Context makes x/oauth2 use an HTTP client.
func oauth2Context(t *testing.T, c *http.Client) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), oauth2.HTTPClient, c)
}
