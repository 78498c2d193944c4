package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
)

// TestAnswersOvertakenByAChangeAreNotKept covers answers to questions asked before and after a drop
// arrived, while other nodes may not have heard of the change yet.
func TestAnswersOvertakenByAChangeAreNotKept(t *testing.T) {
	t.Parallel()
	const lag = 3 * time.Second
	now := time.Now()
	ada := Introspection{Active: true, ID: "token", Kind: userToken, Subject: "ada", Organization: "acme"}
	for _, x := range []struct {
		name  string
		drop  drop
		asked time.Duration // after the drop arrived
		kept  bool
	}{
		{"asked before", drop{Credential: "token"}, -time.Second, false},
		{"asked while other nodes may not have heard", drop{Credential: "token"}, lag - time.Millisecond, false},
		{"asked after all nodes have heard", drop{Credential: "token"}, lag, true},
		{"another token", drop{Credential: "other"}, -time.Second, true},
		{"its user", drop{User: "ada", Organization: "acme"}, 0, false},
		{"another user", drop{User: "grace", Organization: "acme"}, 0, true},
		{"its organization", drop{Organization: "acme"}, 0, false},
		{"access tokens of its organization", drop{Organization: "acme", Kind: accessToken}, 0, true},
		{"an app", drop{App: "app"}, 0, true},
		{"unknown kind of drop", drop{}, 0, false},
	} {
		m := newMemory(defaultSize)
		m.heardAt(now)
		m.setLag(lag)
		m.drop(x.drop, now)
		k := key{secret: keyporter.HashSecret("secret")}
		m.put(k, newDecision(ada, now), now.Add(x.asked))
		if kept := m.get(k, now) != nil; kept != x.kept {
			t.Errorf("%s: kept is %v", x.name, kept)
		}
	}
}

// TestOldAnswersAreNotKeptAfterAReset also covers more drops than memory remembers, and a lost stream.
func TestOldAnswersAreNotKeptAfterAReset(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, disrupt := range map[string]func(*memory){
		"reset": func(m *memory) { m.reset(now) },
		"many drops": func(m *memory) {
			for i := range maxDrops + 1 {
				m.drop(drop{Credential: fmt.Sprint(i)}, now)
			}
		},
		"deaf": (*memory).setDeaf,
	} {
		m := newMemory(defaultSize)
		m.heardAt(now)
		disrupt(m)
		k := key{secret: keyporter.HashSecret("secret")}
		m.put(k, newDecision(Introspection{Active: true, ID: "token"}, now), now.Add(-time.Millisecond))
		if m.get(k, now) != nil {
			t.Errorf("%s: it is kept", name)
		}
	}
}

// TestMemoryIsBounded covers both the number of decisions and the number of uses.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := newMemory(2 * shards)
	m.heardAt(now)
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
