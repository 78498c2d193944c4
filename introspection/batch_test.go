package introspection_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/introspection"
	"github.com/keyporter/keyporter/keyportertest"
)

// post sends a JSON body.
func post(t testing.TB, address, body string, header ...string) keyportertest.Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return keyportertest.Do(t, req)
}

// questions asks about these tokens. Each may have a login name after a space.
func questions(tokens ...string) string {
	type question struct {
		Token string `json:"token"`
		Login string `json:"login,omitempty"`
	}
	in := struct {
		Tokens []question `json:"tokens"`
	}{[]question{}}
	for _, t := range tokens {
		token, login, _ := strings.Cut(t, " ")
		in.Tokens = append(in.Tokens, question{token, login})
	}
	text, _ := json.Marshal(in)
	return string(text)
}

// each returns the answers in a batch.
func each(t testing.TB, a keyportertest.Answer) (all []keyportertest.Answer) {
	t.Helper()
	list, ok := a.Body["tokens"].([]any)
	if a.Status != http.StatusOK || !ok {
		t.Fatalf("%d %v", a.Status, a.Body)
	}
	for _, one := range list {
		body, _ := one.(map[string]any)
		all = append(all, keyportertest.Answer{Status: a.Status, Body: body})
	}
	return all
}

func TestManyTokensAtOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newGatewayWorld(t, url)
		token, user := keyportertest.Token(t, w.Control, w.ada, "Mine")
		_, organization := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
		_, access := w.AccessToken(t, w.Connect(t, w.ada, w.app, "file.read"), keyporter.AccessToken{Scopes: []string{"file.read"}, Resources: []string{driveResource}})
		if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), token.ID); err != nil {
			t.Fatal(err)
		}
		body := questions(user.Reveal(), "kpu_x", organization.Reveal()+" "+w.grace.Login, organization.Reveal(), organization.Reveal()+" x@y.example", access.Reveal(), "")
		a := post(t, w.URL+"/oauth2/introspect/batch", body, bearer(w.esign)...)
		got := each(t, a)
		if len(got) != 7 || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%v", a)
		}
		wantInactive(t, "switched off", got[0], keyporter.ReasonDisabled)
		wantInactive(t, "unknown", got[1], "")
		wantText(t, "for grace", got[2], map[string]string{"sub": string(w.grace.ID)})
		wantText(t, "for nobody", got[3], map[string]string{"sub": ""})
		wantInactive(t, "for an unknown user", got[4], keyporter.ReasonNamedUnknown)
		wantInactive(t, "for another API", got[5], keyporter.ReasonAudience)
		wantInactive(t, "empty", got[6], "")
	})
}

// TestABatchIsLookedUpAtOnce has all of its credentials dropped from memory first. It tries again,
// because nothing is kept of a lookup that an earlier change overtakes.
func TestABatchIsLookedUpAtOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newGatewayWorld(t, url)
		conn := w.Connect(t, w.ada, w.app, "file.read")
		var tokens []string
		for i := range 20 {
			_, user := keyportertest.Token(t, w.Control, w.ada, fmt.Sprint("Export ", i))
			_, access := w.AccessToken(t, conn, keyporter.AccessToken{Scopes: []string{"file.read"}})
			tokens = append(tokens, user.Reveal(), access.Reveal(), user.Reveal(), "kpu_x")
		}
		keyportertest.Eventually(t, "two lookups answer everything", func() bool {
			w.SetUserActive(t, w.ada.ID, true)
			before := w.Checker.Lookups()
			got := each(t, post(t, w.URL+"/oauth2/introspect/batch", questions(tokens...), bearer(w.all)...))
			for i, one := range got {
				if i%4 == 3 {
					wantInactive(t, "unknown", one, "")
				} else {
					wantText(t, "one of many", one, map[string]string{"sub": string(w.ada.ID)})
				}
			}
			return len(got) == len(tokens) && w.Checker.Lookups() == before+2
		})
	})
}

func TestABatchHasBounds(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, keyportertest.Database(t))
	_, user := keyportertest.Token(t, w.Control, w.ada, "Mine")
	at := w.URL + "/oauth2/introspect/batch"
	tokens := make([]string, 1000)
	for i := range tokens {
		tokens[i] = user.Reveal()
	}
	for _, one := range each(t, post(t, at, questions(tokens...), bearer(w.all)...)) {
		wantText(t, "one of a thousand", one, map[string]string{"sub": string(w.ada.ID)})
	}
	if got := each(t, post(t, at, questions(), bearer(w.all)...)); len(got) != 0 {
		t.Errorf("of none: %v", got)
	}
	for what, body := range map[string]string{
		"1001":                  questions(slices.Concat(tokens, []string{"x"})...),
		"a huge body":           questions(strings.Repeat("x", 1<<20)),
		"no JSON":               "token=" + user.Reveal(),
		"nothing":               "",
		"half of it":            `{"tokens":[{"token":"`,
		"a list":                `[{"token":"x"}]`,
		"no list":               `{}`,
		"null":                  `null`,
		"another field":         `{"tokens":[],"login":"x"}`,
		"another field of one":  `{"tokens":[{"token":"x","logn":"ada@acme.example"}]}`,
		"a number":              `{"tokens":[{"token":` + strings.Repeat("7", 30) + `}]}`,
		"something after it":    `{"tokens":[]}{"tokens":[]}`,
		"very deep":             `{"tokens":` + strings.Repeat("[", 100_000),
		"two ways to say who":   `{"tokens":[],"client_id":"x"}`,
		"a login that is a map": `{"tokens":[{"token":"x","login":{}}]}`,
	} {
		a := post(t, at, body, bearer(w.all)...)
		if a.Status != http.StatusBadRequest || a.Text("error") != "invalid_request" || a.Text("error_description") == "" || strings.Contains(a.Text("error_description"), "777") || strings.Contains(a.Text("error_description"), "kpu_") {
			t.Errorf("%s: %d %v", what, a.Status, a.Body)
		}
	}
	keyportertest.Refused(t, w.Post(t, "/oauth2/introspect/batch", map[string][]string{"tokens": {"x"}}, bearer(w.all)...), 400, "invalid_request")
}

// TestABatchRequiresTheSameAuthentication as a question about one token.
func TestABatchRequiresTheSameAuthentication(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, keyportertest.Database(t))
	_, user := keyportertest.Token(t, w.Control, w.ada, "Mine")
	at, body := w.URL+"/oauth2/introspect/batch", questions(user.Reveal())
	for what, header := range map[string][]string{
		"nobody": {}, "a user": bearer(user), "another": bearer(keyporter.NewSecret(keyporter.SecretGateway)), "an app that isn't there": {"Authorization", "Basic eDp5"},
	} {
		if a := post(t, at, body, header...); a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" || a.Body["tokens"] != nil {
			t.Errorf("%s: %d %v", what, a.Status, a.Body)
		}
	}
	for id, introspects := range map[keyporter.ID]bool{"rs": true, "app": false} {
		w.PutApp(t, keyporter.App{ID: id, Authentication: keyporter.AppSecret, Introspects: introspects})
		secret := w.AppSecret(t, id).Reveal()
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(string(id)+":"+secret))
		inBody := strings.TrimSuffix(body, "}") + `,"client_id":"` + string(id) + `","client_secret":"` + secret + `"}`
		for _, a := range []keyportertest.Answer{post(t, at, body, "Authorization", basic), post(t, at, inBody)} {
			if got := each(t, a); len(got) != 1 || got[0].Body["active"] != introspects || got[0].Body["keyporter_reason"] != nil {
				t.Errorf("%s: %v", id, a.Body)
			}
		}
		keyportertest.Refused(t, post(t, at, inBody, "Authorization", basic), 400, "invalid_request")
	}
	key := keyportertest.NewProofKey(t)
	w.PutApp(t, keyporter.App{ID: "signs", Authentication: keyporter.AppKey, Introspects: true, Keys: key.Set()})
	for own, by := range map[bool]keyportertest.ProofKey{true: key, false: keyportertest.NewProofKey(t)} {
		signed := fmt.Sprintf("%s,%q:%q,%q:%q,%q:%q", strings.TrimSuffix(body, "}"), "client_id", "signs",
			"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", by.Assertion("signs", w.URL))
		if a := post(t, at, signed+"}"); (a.Status == http.StatusOK) != own || own && each(t, a)[0].Body["active"] != true {
			t.Errorf("by a signature, with its own key: %v: %d %v", own, a.Status, a.Body)
		}
	}
}

// counted is a body that counts how much of it was read.
type counted struct {
	io.Reader

	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// TestALongBatchIsReadForKnownAskersOnly requires a long body to stay unread until the
// Authorization header has said who asks, and of too many rows to be kept no more than it takes to refuse them.
func TestALongBatchIsReadForKnownAskersOnly(t *testing.T) {
	t.Parallel()
	n := keyportertest.NewNode(t, keyportertest.Database(t))
	gateway := keyporter.NewSecret(keyporter.SecretGateway)
	n.PutApp(t, keyporter.App{ID: "rs", Authentication: keyporter.AppSecret, Introspects: true})
	door := introspection.New(introspection.Config{
		Grants: n.Grants, Checker: n.Checker, Log: slog.New(slog.DiscardHandler), Issuer: "https://keyporter.example",
		Gateways: []introspection.Gateway{{Name: "all", Hash: gateway.Hash()}},
	})
	list := "[" + strings.Repeat("{},", 300_000) + "{}]"
	basic := func(secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("rs:"+secret))
	}
	for what, c := range map[string]struct {
		header string
		status int
		most   int // bytes read
	}{
		"nobody":           {"", 400, 64<<10 + 1},
		"a stranger":       {"Bearer " + keyporter.NewSecret(keyporter.SecretGateway).Reveal(), 401, 0},
		"a wrong secret":   {basic("wrong"), 401, 0},
		"no secret":        {basic(""), 400, 64<<10 + 1},
		"a gateway":        {"Bearer " + gateway.Reveal(), 400, 1 << 20},
		"an app":           {basic(n.AppSecret(t, "rs").Reveal()), 400, 1 << 20},
		"an unread header": {"Basic !", 401, 0},
	} {
		body := &counted{Reader: strings.NewReader(`{"tokens":` + list + `}`)}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth2/introspect/batch", body)
		req.Header.Set("Content-Type", "application/json")
		if c.header != "" {
			req.Header.Set("Authorization", c.header)
		}
		got := httptest.NewRecorder()
		door.ServeHTTP(got, req)
		if got.Code != c.status || body.n > c.most {
			t.Errorf("%s: %d after %d bytes: %s", what, got.Code, body.n, got.Body)
		}
	}
	if kept, err := introspection.RowsKept(list); kept != 1001 || err != nil {
		t.Errorf("%d rows are kept: %v", kept, err)
	}
}
