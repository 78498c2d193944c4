package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/client"
	"github.com/keyporter/keyporter/keyportertest"
)

// TestRefusalsCanBeExplained checks that Keyporter can explain a refusal by the middleware, like one by the gateway.
func TestRefusalsCanBeExplained(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		disabled, off := keyportertest.Token(t, w.Control, w.ada, "Off")
		if _, err := w.Control.DisableToken(t.Context(), keyporter.Command(), disabled.ID); err != nil {
			t.Fatal(err)
		}
		api := w.client(t).Handler(client.Rules{Version: 6}, echo)
		r := httptest.NewRequest(http.MethodPatch, "/files/a%2Fb?secret="+off.Reveal(), nil)
		r.Header.Set("ApiToken", off.Reveal())
		r.Header.Set("User-Agent", "export/1.0 \xff\x1b[2J")
		r.RemoteAddr = "192.0.2.7:4711"
		rec := httptest.NewRecorder()
		api.ServeHTTP(rec, r)
		id := rec.Header().Get("X-Keyporter-Request-Id")
		if rec.Code != 401 || id == "" || !strings.Contains(rec.Body.String(), `"request_id":"`+id+`"`) {
			t.Fatal(rec.Code, rec.Header(), rec.Body)
		}
		kept, of, err := w.Control.Refusal(t.Context(), keyportertest.Session(w.ada), id)
		if err != nil || of.ID != disabled.ID || kept.Reason != keyporter.ReasonDisabled || !strings.Contains(kept.Cause, "switched off") ||
			kept.Method != http.MethodPatch || kept.Path != "/files/a%2Fb" || kept.Version != "drive 6" || kept.Address != "192.0.2.7" || !strings.HasPrefix(kept.Agent, "export/1.0 ") || strings.Contains(kept.Agent, "\x1b") {
			t.Errorf("%+v %v", kept, err)
		}
		if use, err := w.Usage.Of(t.Context(), disabled.ID); err != nil || use.Refused != 1 || use.Allowed != 0 || len(use.Clients) != 1 {
			t.Errorf("%+v %v", use, err)
		}
		for name, headers := range map[string][]string{
			"an unknown token": {"ApiToken", keyporter.NewSecret(keyporter.SecretUserToken).Reveal()},
			"no token":         nil,
		} {
			if rec := call(t, api, headers...); rec.Code != 401 || rec.Header().Get("X-Keyporter-Request-Id") != "" {
				t.Errorf("%s: %d %v", name, rec.Code, rec.Header())
			}
		}
		if rec := call(t, api, "ApiToken", w.secret.Reveal()); rec.Code != 200 || rec.Header().Get("X-Keyporter-Request-Id") != "" {
			t.Error(rec.Code, rec.Header())
		}
		if err := w.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if use, err := w.DB.UseOf(t.Context(), w.token.ID, w.Clock.Now()); err != nil || use.Allowed+use.Refused != 0 {
			t.Errorf("an allowed call is counted before it is reported, and would be counted twice: %+v %v", use, err)
		}
	})
}

// TestATokenIsForOneAPI calls another API of the same gateway with an app's token for drive.
func TestATokenIsForOneAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	app := w.App(t, keyporter.App{Scopes: keyportertest.Asks("file.read")})
	resource := w.Checker.APIs()[1].Resource
	if w.Checker.APIs()[1].Name != "drive" || resource == "" {
		t.Fatal("drive has moved")
	}
	_, access := w.AccessToken(t, w.Connect(t, w.ada, app), keyporter.AccessToken{Scopes: []string{"file.read"}, Resources: []string{resource}})
	drive, esign := w.client(t), w.client(t, func(cfg *client.Config) { cfg.API = "esign" })
	if rec := call(t, drive.Handler(client.Rules{}, echo), "ApiToken", access.Reveal()); rec.Code != 200 {
		t.Error(rec.Code, rec.Body)
	}
	rec := call(t, esign.Handler(client.Rules{}, echo), "ApiToken", access.Reveal())
	if rec.Code != 401 || !strings.Contains(rec.Body.String(), string(keyporter.ReasonAudience)) || rec.Header().Get("X-Keyporter-Request-Id") == "" {
		t.Error(rec.Code, rec.Body)
	}
	if all, err := esign.IntrospectAll(t.Context(), []client.Query{{Token: access.Reveal()}, {Token: w.secret.Reveal()}}); err != nil || all[0].Active || !all[1].Active {
		t.Errorf("%+v %v", all, err)
	}
	if rec := call(t, w.client(t, func(cfg *client.Config) { cfg.API = "shop" }).Handler(client.Rules{}, echo), "ApiToken", w.secret.Reveal()); rec.Code != 503 {
		t.Error("an API that doesn't exist:", rec.Code, rec.Body)
	}
}

// TestManyClientsAreReported has enough clients with long names to fill more than one report.
func TestManyClientsAreReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	c := w.client(t, func(cfg *client.Config) { cfg.SetReports(time.Minute, time.Minute) }) // the machine may be busy
	api := c.Handler(client.Rules{}, echo)
	const calls = 1200
	for i := range calls {
		if rec := call(t, api, "ApiToken", w.secret.Reveal(), "User-Agent", fmt.Sprintf("%04d", i)+strings.Repeat("<", 196)); rec.Code != 200 {
			t.Fatal(rec.Code)
		}
	}
	c.Close()
	if use, err := w.DB.UseOf(t.Context(), w.token.ID, w.Clock.Now()); err != nil || use.Allowed != calls {
		t.Errorf("%d of %d calls are counted, %v", use.Allowed, calls, err)
	}
}

// TestClosingDuringAReportLosesNoCounts makes a call while a report is under way that hasn't
// this call, and closes the client before the report ends.
func TestClosingDuringAReportLosesNoCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	reporting, goOn := make(chan bool), make(chan bool)
	first := sync.OnceFunc(func() {
		close(reporting)
		<-goOn
	})
	c := w.client(t, func(cfg *client.Config) {
		cfg.SetReports(10*time.Millisecond, time.Minute)
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/uses") {
				first()
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
	api := c.Handler(client.Rules{}, echo)
	for range 2 {
		if rec := call(t, api, "ApiToken", w.secret.Reveal()); rec.Code != 200 {
			t.Fatal(rec.Code)
		}
		<-reporting
	}
	c.Stop()
	close(goOn)
	c.Close()
	if use, err := w.DB.UseOf(t.Context(), w.token.ID, w.Clock.Now()); err != nil || use.Allowed != 2 {
		t.Errorf("%d of 2 calls are counted, %v", use.Allowed, err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestMalformedLoginNamesAreRefused checks that they don't look like an outage of Keyporter.
func TestMalformedLoginNamesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	_, organization := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
	api := w.client(t).Handler(client.Rules{Version: 5, Credentials: []string{"user_token", "organization_token"}}, echo)
	for _, login := range []string{"\xff", "ada@acme.example\xff", "ada\t@acme.example", strings.Repeat("a", 100_000)} {
		for _, secret := range []string{w.secret.Reveal(), organization.Reveal()} {
			if rec := call(t, api, "ApiToken", secret, "UserLoginName", login); rec.Code != 401 {
				t.Errorf("%.40q: %d %s", login, rec.Code, rec.Body)
			}
		}
	}
}

// TestACanceledCallIsNotAnOutage cancels a call before the middleware has asked Keyporter.
func TestACanceledCallIsNotAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	var log strings.Builder
	api := w.client(t, func(cfg *client.Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) }).Handler(client.Rules{}, echo)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/files/1", nil)
	r.Header.Set("ApiToken", w.secret.Reveal())
	rec := httptest.NewRecorder()
	if api.ServeHTTP(rec, r); rec.Code != http.StatusServiceUnavailable || log.Len() > 0 {
		t.Errorf("%d %s", rec.Code, log.String())
	}
}

// TestNoMethodThatTunnelsOrEchoes expects the middleware to refuse the methods that no API has, also with
// a token that works.
func TestNoMethodThatTunnelsOrEchoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.SQLite(t))
	api := w.client(t).Handler(client.Rules{}, echo)
	for method, want := range map[string]int{"GET": 200, "PURGE": 200, "CONNECT": 501, "TRACE": 501, "TRACK": 501, "trace": 501} {
		r := httptest.NewRequestWithContext(t.Context(), method, "/x", nil)
		r.Header.Set("ApiToken", w.secret.Reveal())
		answer := httptest.NewRecorder()
		if api.ServeHTTP(answer, r); answer.Code != want {
			t.Errorf("%s: %d", method, answer.Code)
		}
	}
}
