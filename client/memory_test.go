package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
)

// TestWhatMayBeOvertakenIsNotKept has answers that were asked for before and after a drop
// came, while other nodes may still answer from before.
func TestWhatMayBeOvertakenIsNotKept(t *testing.T) {
	t.Parallel()
	const lag = 3 * time.Second
	now := time.Now()
	ada := Introspection{Active: true, ID: "token", Kind: userToken, Subject: "ada", Organization: "acme"}
	for _, x := range []struct {
		name  string
		drop  drop
		asked time.Duration // after the drop came
		kept  bool
	}{
		{"asked before", drop{Credential: "token"}, -time.Second, false},
		{"asked while another node may not have heard", drop{Credential: "token"}, lag - time.Millisecond, false},
		{"asked when all have heard", drop{Credential: "token"}, lag, true},
		{"another token", drop{Credential: "other"}, -time.Second, true},
		{"its user", drop{User: "ada", Organization: "acme"}, 0, false},
		{"another user", drop{User: "grace", Organization: "acme"}, 0, true},
		{"its organization", drop{Organization: "acme"}, 0, false},
		{"access tokens of its organization", drop{Organization: "acme", Kind: accessToken}, 0, true},
		{"an app", drop{App: "app"}, 0, true},
		{"what isn't known", drop{}, 0, false},
	} {
		m := newMemory(defaultSize)
		m.hears(now)
		m.lags(lag)
		m.drop(x.drop, now)
		k := key{secret: keyporter.HashSecret("secret")}
		m.put(k, newDecision(ada, now), now.Add(x.asked))
		if kept := m.get(k, now) != nil; kept != x.kept {
			t.Errorf("%s: kept is %v", x.name, kept)
		}
	}
}

// TestAfterAResetNothingOldIsKept, nor after so many drops that they can't all be remembered, nor while nothing is heard.
func TestAfterAResetNothingOldIsKept(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, befall := range map[string]func(*memory){
		"reset": func(m *memory) { m.reset(now) },
		"many drops": func(m *memory) {
			for i := range maxDrops + 1 {
				m.drop(drop{Credential: fmt.Sprint(i)}, now)
			}
		},
		"deaf": (*memory).deaf,
	} {
		m := newMemory(defaultSize)
		m.hears(now)
		befall(m)
		k := key{secret: keyporter.HashSecret("secret")}
		m.put(k, newDecision(Introspection{Active: true, ID: "token"}, now), now.Add(-time.Millisecond))
		if m.get(k, now) != nil {
			t.Errorf("%s: it is kept", name)
		}
	}
}

// TestTheMemoryIsBounded by its size, in decisions, and by clients that are told apart, in uses.
func TestTheMemoryIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := newMemory(2 * shards)
	m.hears(now)
	for i := range 100 * shards {
		m.put(key{secret: keyporter.HashSecret(fmt.Sprint(i))}, newDecision(Introspection{Active: true, ID: "token"}, now), now)
	}
	decisions := 0
	for i := range m.parts {
		decisions += len(m.parts[i].decisions)
	}
	if decisions != 2*shards {
		t.Errorf("%d decisions", decisions)
	}
	var u uses
	k, d := key{}, newDecision(Introspection{ID: "token"}, time.Now())
	for i := range 3 * maxUses {
		u.count(k, d, use{agent: fmt.Sprint(i)}, now, true)
	}
	calls, all := int64(0), u.take()
	for _, n := range all {
		calls += n.allowed
	}
	if len(all) != maxUses+1 || calls != 3*maxUses {
		t.Errorf("%d clients, %d calls", len(all), calls)
	}
}
