package introspection_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/keyportertest/postgres"
)

// heard are the lines of a stream.
type heard struct {
	mu    sync.Mutex
	lines []map[string]any
	last  time.Time
	ended bool
}

// stream opens a stream, and returns its lines as they arrive.
func (w *gatewayWorld) stream(t *testing.T, secret keyporter.Secret) *heard {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/oauth2/introspect/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret.Reveal())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-ndjson" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatal(res.StatusCode, res.Header)
	}
	h := &heard{last: time.Now()}
	go func() {
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) != nil {
				line = map[string]any{"unreadable": lines.Text()}
			}
			h.mu.Lock()
			h.lines, h.last = append(h.lines, line), time.Now()
			h.mu.Unlock()
		}
		h.mu.Lock()
		h.ended = true
		h.mu.Unlock()
	}()
	keyportertest.Eventually(t, "hello", func() bool { return h.has(func(l map[string]any) bool { return l["hello"] == true }) })
	return h
}

func (h *heard) has(is func(map[string]any) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.lines, is)
}

// drops reports whether a drop has exactly these IDs, given as noun and ID.
func (h *heard) drops(ids ...string) bool {
	return h.has(func(l map[string]any) bool {
		drop, _ := l["drop"].(map[string]any)
		for i := 0; i < len(ids); i += 2 {
			if drop[ids[i]] != ids[i+1] {
				return false
			}
		}
		return drop != nil && len(drop) == len(ids)/2
	})
}

// TestAGatewayHearsAboutChanges makes each kind of change, on this node or another one.
func TestAGatewayHearsAboutChanges(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newGatewayWorld(t, url)
		n := w.Node
		if strings.HasPrefix(url, "postgres") {
			n = keyportertest.NewNode(t, url)
		}
		token, _ := keyportertest.Token(t, w.Control, w.ada, "Mine")
		connection := w.Connect(t, w.ada, w.app, "file.read", "openid")
		h := w.stream(t, w.all)
		me, ctx := keyporter.Command(), t.Context()
		ada, acme := string(w.ada.ID), string(w.ada.OrganizationID)
		for name, c := range map[string]struct {
			change func() error
			ids    []string
		}{
			"token":      {func() error { _, err := n.Control.DisableToken(ctx, me, token.ID); return err }, []string{"credential", string(token.ID)}},
			"connection": {func() error { return n.Control.Disconnect(ctx, me, connection.ID) }, []string{"connection", string(connection.ID)}},
			"app":        {func() error { return n.Control.SuspendApp(ctx, me, w.app.ID) }, []string{"app", string(w.app.ID)}},
			"user":       {func() error { return n.Control.DisableUser(ctx, me, w.ada.ID) }, []string{"user", ada, "organization", acme}},
			"policy":     {func() error { n.SetAppPolicy(t, w.ada.OrganizationID, keyporter.NoApps); return nil }, []string{"organization", acme, "kind", "access_token"}},
			"flag":       {func() error { return n.Control.WithdrawFlag(ctx, me, w.ada.OrganizationID, keyporter.FlagAPI) }, []string{"organization", acme}},
		} {
			if err := c.change(); err != nil {
				t.Fatal(name, err)
			}
			keyportertest.Eventually(t, name+" is announced", func() bool { return h.drops(c.ids...) })
		}
		w.Checker.Reset()
		keyportertest.Eventually(t, "reset", func() bool { return h.has(func(l map[string]any) bool { return l["reset"] == true }) })
		keyportertest.Eventually(t, "beat", func() bool { return h.has(func(l map[string]any) bool { return l["beat"] == true }) })
		if h.has(func(l map[string]any) bool { return l["unreadable"] != nil }) {
			t.Error(h.lines)
		}
	})
}

// TestAStreamFallsSilentWhileItsNodeIsDeaf: from silence, a gateway knows that it has to ask.
func TestAStreamFallsSilentWhileItsNodeIsDeaf(t *testing.T) {
	t.Parallel()
	s := postgres.Start(t)
	w := newGatewayWorld(t, s.Empty(t))
	h := w.stream(t, w.all)
	s.Stop()
	keyportertest.Eventually(t, "silence", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return !h.ended && time.Since(h.last) > 2*time.Second // a beat comes twice a second
	})
}

// TestOnlyGatewaysOpenStreamsAndNotTooMany: a stream costs a connection and memory.
func TestOnlyGatewaysOpenStreamsAndNotTooMany(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, keyportertest.Database(t))
	try := func(secret string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/oauth2/introspect/changes", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+secret)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for name, secret := range map[string]string{"none": "", "made up": keyporter.NewSecret(keyporter.SecretGateway).Reveal(), "an app's": w.AppSecret(t, w.app.ID).Reveal()} {
		if code := try(secret); code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, code)
		}
	}
	for range 64 {
		w.stream(t, w.all)
	}
	if code := try(w.all.Reveal()); code != http.StatusTooManyRequests {
		t.Error("one too many:", code)
	}
	w.stream(t, w.esign) // another gateway's
}

// TestReportedUses shows how much of a report is believed.
func TestReportedUses(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newGatewayWorld(t, url)
		w.Clock.Stop()
		token, _ := keyportertest.Token(t, w.Control, w.ada, "Mine")
		ours, _ := keyportertest.OrganizationToken(t, w.Control, w.ada, "Ours")
		connection := w.Connect(t, w.ada, w.app, "file.read", "openid")
		future := w.Clock.Now().Add(24 * time.Hour).Format(time.RFC3339)
		row := func(text string) string {
			return `{"api":"esign","agent":"export/1.0","address":"192.0.2.7","last_at":"` + future + `",` + text + `}`
		}
		a := w.report(t, w.esign, `{"uses":[`+strings.Join([]string{
			row(`"credential":"` + string(token.ID) + `","version":6,"allowed":12,"refused":3`),
			row(`"credential":"` + string(ours.ID) + `","version":4,"login":"grace@acme.example","allowed":2,"refused":0`),
			row(`"credential":"` + string(ours.ID) + `","version":4,"login":"eve@evil.example","allowed":2,"refused":0`),
			row(`"credential":"of an access token","connection":"` + string(connection.ID) + `","app":"x","allowed":1,"refused":0`),
			row(`"credential":"there is none","allowed":1,"refused":0`),
		}, ",")+`]}`)
		if a.Status != http.StatusNoContent {
			t.Fatal(a)
		}
		use, err := w.DB.UseOf(t.Context(), token.ID, w.Clock.Now())
		if err != nil || use.Allowed != 12 || use.Refused != 3 || len(use.Clients) != 1 {
			t.Fatal(use, err)
		}
		if c := use.Clients[0]; c.Agent != "export/1.0" || c.Address != "192.0.2.7" || c.Version != "esign 6" || c.LastAt.After(w.Clock.Now()) {
			t.Errorf("%+v", c)
		}
		if use, err = w.DB.UseOf(t.Context(), ours.ID, w.Clock.Now()); err != nil || len(use.ActedFor) != 1 || use.ActedFor[0].Login != w.grace.Login {
			t.Errorf("%+v %v", use, err)
		}
		if use, err = w.DB.UseOf(t.Context(), connection.ID, w.Clock.Now()); err != nil || use.Allowed != 1 {
			t.Errorf("%+v %v", use, err)
		}
		id := `"credential":"` + string(token.ID) + `"`
		for name, body := range map[string]string{
			"another API's":    `{"uses":[{"api":"drive",` + id + `,"allowed":1}]}`,
			"no API":           `{"uses":[{` + id + `,"allowed":1}]}`,
			"no credential":    `{"uses":[{"api":"esign","allowed":1}]}`,
			"less than none":   `{"uses":[{"api":"esign",` + id + `,"allowed":-1}]}`,
			"too many":         `{"uses":[{"api":"esign",` + id + `,"allowed":1000000001}]}`,
			"no number":        `{"uses":[{"api":"esign",` + id + `,"allowed":1e99}]}`,
			"a version":        `{"uses":[{"api":"esign",` + id + `,"version":1000,"allowed":1}]}`,
			"an unknown field": `{"uses":[{"api":"esign",` + id + `,"allowd":1}]}`,
			"no list":          `{}`,
			"1001":             `{"uses":[` + strings.Repeat(`{},`, 1000) + `{}]}`,
			"no JSON":          `uses`,
		} {
			if a := w.report(t, w.esign, body); a.Status != http.StatusBadRequest || a.Text("error") != "invalid_request" {
				t.Errorf("%s: %v", name, a)
			}
		}
		if a := w.report(t, keyporter.NewSecret(keyporter.SecretGateway), `{"uses":[]}`); a.Status != http.StatusUnauthorized {
			t.Error(a)
		}
		if use, err = w.DB.UseOf(t.Context(), token.ID, w.Clock.Now()); err != nil || use.Allowed != 12 {
			t.Error("some of these were counted:", use.Allowed, err)
		}
	})
}

func (w *gatewayWorld) report(t *testing.T, secret keyporter.Secret, body string) keyportertest.Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/oauth2/introspect/uses", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + secret.Reveal()}}
	return keyportertest.Do(t, req)
}
