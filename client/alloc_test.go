package client

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
)

// clientWithDecision returns a client that has kept a decision, and a function that checks a call with
// that credential.
func clientWithDecision(t testing.TB) (*Client, func() *Refusal) {
	t.Helper()
	c, err := New(Config{Address: "http://127.0.0.1:1", Secret: "kpg_", API: "drive"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.memory.heardAt(time.Now().Add(time.Hour))
	secret := keyporter.NewSecret(keyporter.SecretAccessToken).Reveal()
	c.memory.put(key{secret: keyporter.HashSecret(secret)}, newDecision(Introspection{
		Active: true, ID: "1", Kind: accessToken, Subject: "2", App: "3", Connection: "4", Scopes: []string{"file.read"}, ExpiresAt: time.Now().Add(time.Hour),
	}, time.Now()), time.Now())
	r := httptest.NewRequest(http.MethodGet, "/files/1", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("User-Agent", "export/1.0")
	rules := Rules{Scope: "file.read", Credentials: []string{userToken, accessToken}}
	return c, func() *Refusal {
		_, refused := c.Check(r, rules)
		return refused
	}
}

// TestCheckFromMemoryDoesNotAllocate covers reading the headers, deciding, and counting, but not the Handler.
func TestCheckFromMemoryDoesNotAllocate(t *testing.T) {
	_, check := clientWithDecision(t)
	if refused := check(); refused != nil {
		t.Fatal(refused)
	}
	if n := testing.AllocsPerRun(1000, func() { check() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCheck(b *testing.B) {
	_, check := clientWithDecision(b)
	b.ReportAllocs()
	for b.Loop() {
		if refused := check(); refused != nil {
			b.Fatal(refused)
		}
	}
}
