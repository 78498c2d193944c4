package control_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// store writes tokens, and the calls that were made with them.
func (w *world) store(t *testing.T, tokens ...keyporter.Token) {
	t.Helper()
	err := w.DB.Do(t.Context(), func(tx *store.Tx) error {
		for _, token := range tokens {
			if err := tx.InsertToken(t.Context(), token, keyporter.HashSecret(string(token.ID))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) called(t *testing.T, uses ...store.Use) {
	t.Helper()
	if err := w.DB.Do(t.Context(), func(tx *store.Tx) error { return tx.AddUses(t.Context(), store.Batch{Uses: uses}) }); err != nil {
		t.Fatal(err)
	}
}

func namesOf(tokens []control.ListedToken) (all []string) {
	for _, t := range tokens {
		all = append(all, t.Name)
	}
	return all
}

// TestPagesOfTokensMeet goes through lists of tokens in every order, to the end and back.
func TestPagesOfTokensMeet(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		w.Clock.Stop()
		now := w.Clock.Now()
		var tokens []keyporter.Token
		var uses []store.Use
		used := map[keyporter.ID]time.Time{}
		for i := range 2*control.MaxPage + 20 {
			token := keyporter.Token{
				ID: keyporter.ID(fmt.Sprintf("t%03d", i)), OrganizationID: w.ada.OrganizationID, OwnerID: w.ada.ID, Kind: keyporter.UserToken,
				Name: fmt.Sprintf("token %03d", i*37%1000), CreatedAt: now.Add(time.Duration(i) * time.Second),
			}
			if i%3 == 0 { // the others never expire
				token.ExpiresAt = now.Add(time.Duration(i%7+1) * time.Hour)
			}
			if i%2 == 0 { // the others were never used
				used[token.ID] = now.Add(-time.Duration(i%5) * time.Minute)
				uses = append(uses, store.Use{CredentialID: token.ID, ClientUse: keyporter.ClientUse{LastAt: used[token.ID], Allowed: 1}})
			}
			tokens = append(tokens, token)
		}
		w.store(t, tokens...)
		w.called(t, uses...)
		never := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		orders := map[keyporter.TokenSort]func(a, b keyporter.Token) int{
			keyporter.TokensByName: func(a, b keyporter.Token) int { return cmp.Compare(names.Key(a.Name), names.Key(b.Name)) },
			keyporter.TokensByUse:  func(a, b keyporter.Token) int { return used[a.ID].Compare(used[b.ID]) },
			keyporter.TokensByAge:  func(a, b keyporter.Token) int { return a.CreatedAt.Compare(b.CreatedAt) },
			keyporter.TokensByExpiry: func(a, b keyporter.Token) int {
				of := func(t keyporter.Token) time.Time {
					if t.ExpiresAt.IsZero() {
						return never
					}
					return t.ExpiresAt
				}
				return of(a).Compare(of(b))
			},
		}
		for _, everyone := range []bool{false, true} {
			for sort, compare := range orders {
				slices.SortFunc(tokens, func(a, b keyporter.Token) int { return cmp.Or(compare(a, b), cmp.Compare(a.ID, b.ID)) })
				want := make([]string, len(tokens))
				for i, token := range tokens {
					want[i] = token.Name
				}
				actor, l := keyportertest.Session(w.ada), control.TokenList{OwnerID: w.ada.ID, Sort: sort}
				if everyone {
					actor, l.OwnerID = keyportertest.Session(w.admin), ""
				}
				w.meet(t, actor, l, want)
				slices.Reverse(want)
				l.Descending = true
				w.meet(t, actor, l, want)
			}
		}
	})
}

// meet goes through a list to its end and back, and expects the tokens with these names.
func (w *world) meet(t *testing.T, actor keyporter.Actor, l control.TokenList, want []string) {
	t.Helper()
	var forward [][]string
	var p control.TokenPage
	var err error
	for {
		if p, err = w.Control.ListTokens(t.Context(), actor, l); err != nil {
			t.Fatal(err)
		}
		if int(p.Selected) != len(want) || (p.Previous == "") != (len(forward) == 0) {
			t.Fatalf("page %d of %s: %d tokens, the previous page is %q", len(forward), l.Sort, p.Selected, p.Previous)
		}
		if forward = append(forward, namesOf(p.Tokens)); p.Next == "" {
			break
		}
		l.After = p.Next
	}
	if got := slices.Concat(forward...); !slices.Equal(got, want) {
		t.Errorf("by %s, descending %v: %v, want %v", l.Sort, l.Descending, got, want)
	}
	l.After = ""
	for i := len(forward) - 2; i >= 0; i-- {
		l.Before = p.Previous
		if p, err = w.Control.ListTokens(t.Context(), actor, l); err != nil {
			t.Fatal(err)
		}
		if got := namesOf(p.Tokens); !slices.Equal(got, forward[i]) || p.Next == "" || (p.Previous == "") != (i == 0) {
			t.Errorf("back to page %d by %s: %v, %+v", i, l.Sort, got, p.Cursors)
		}
	}
}

// TestTokensAreFound has tokens in every state, and compares the state with real calls.
func TestTokensAreFound(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, command := t.Context(), keyporter.Command()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		blocks := w.role(t, "Blocks", "-api.use")
		blocked := keyportertest.User(t, w.Control, "Acme", "blocked@acme.example", keyporter.RoleAPIUser, blocks.ID)
		away := keyportertest.User(t, w.Control, "Acme", "away@acme.example", keyporter.RoleAPIUser)
		all := map[string]credential{}
		w.Clock.Advance(-12 * 24 * time.Hour)
		for name, owner := range map[string]keyporter.User{
			"Works": w.ada, "100%_\\'s": w.ada, "soon": w.ada, "refused": w.ada, "off": w.ada, "expired": w.grace, "blocked": blocked, "away": away, "other": w.eve,
		} {
			all[name] = w.userToken(t, owner, name)
		}
		w.Clock.Advance(12 * 24 * time.Hour)
		must(w.Control.DisableUser(ctx, command, away.ID))
		expire := func(name string, after time.Duration) {
			t.Helper()
			_, err := w.Control.SetTokenExpiry(ctx, command, all[name].ID, w.Clock.Now().Add(after))
			must(err)
		}
		expire("soon", 13*24*time.Hour)
		expire("Works", 15*24*time.Hour+12*time.Hour)
		expire("expired", time.Minute)
		w.Clock.Advance(2 * time.Minute)
		_, err := w.Control.DisableToken(ctx, command, all["off"].ID)
		must(err)
		w.called(t,
			store.Use{CredentialID: all["refused"].ID, ClientUse: keyporter.ClientUse{LastAt: w.Clock.Now().Add(-6 * 24 * time.Hour), Refused: 1}},
			store.Use{CredentialID: all["off"].ID, ClientUse: keyporter.ClientUse{LastAt: w.Clock.Now().Add(time.Second), Allowed: 2, Refused: 1, RefusedAt: w.Clock.Now().Add(time.Second)}},
			store.Use{CredentialID: all["100%_\\'s"].ID, ClientUse: keyporter.ClientUse{LastAt: w.Clock.Now().Add(-13 * 24 * time.Hour), Allowed: 1}},
			store.Use{CredentialID: all["Works"].ID, ClientUse: keyporter.ClientUse{LastAt: w.Clock.Now().Add(-10 * 24 * time.Hour), Allowed: 1, Refused: 1}})

		admin := keyportertest.Session(w.admin)
		find := func(l control.TokenList) string {
			t.Helper()
			p, err := w.Control.ListTokens(ctx, admin, l)
			if err != nil {
				t.Errorf("%+v: %v", l, err)
			}
			if int(p.Selected) != len(p.Tokens) {
				t.Errorf("%+v: %d tokens, but %d are selected", l, len(p.Tokens), p.Selected)
			}
			return strings.Join(namesOf(p.Tokens), " ")
		}
		shown := all["Works"].Shown()
		for want, l := range map[string]control.TokenList{
			"100%_\\'s refused soon Works":        {State: keyporter.TokenActive},
			"off":                                 {State: keyporter.TokenOff},
			"expired":                             {State: keyporter.TokenExpired},
			"away blocked":                        {State: keyporter.TokenBlocked},
			"away blocked off refused soon":       {State: keyporter.TokenNeedsAttention},
			"Works":                               {Match: "wORK"},
			"100%_\\'s":                           {Match: `0%_\'S`},
			"":                                    {Match: "%o%"},
			"soon":                                {ExpiringDays: 14},
			"soon Works":                          {ExpiringDays: 15},
			"100%_\\'s away blocked expired soon": {UnusedDays: 11},
			"100%_\\'s away blocked expired off refused soon Works": {NeverRotated: true},
			"blocked":                       {Match: "BLOCKED@acme"},
			"soon Works ":                   {OwnerID: w.ada.ID, ExpiringDays: 20},
			"100%_\\'s refused soon Works ": {OwnerID: w.ada.ID, State: keyporter.TokenActive},
			"blocked ":                      {OwnerID: blocked.ID, State: keyporter.TokenNeedsAttention},
			" ":                             {OwnerID: blocked.ID, State: keyporter.TokenActive},
		} {
			l.Sort = keyporter.TokensByName
			if got := find(l); got != strings.TrimSuffix(want, " ") {
				t.Errorf("%+v finds %q, want %q", l, got, want)
			}
		}
		for _, match := range []string{shown, strings.Replace(shown, "…", "...", 1), strings.ToUpper(all["Works"].First), all["Works"].First[4:], all["Works"].Last} {
			if got := find(control.TokenList{Match: match}); got != "Works" {
				t.Errorf("%q finds %q", match, got)
			}
		}
		p, err := w.Control.ListTokens(ctx, admin, control.TokenList{Match: "", State: keyporter.TokenOff})
		if err != nil || p.All != 8 || p.Active != 4 || p.Attention != 5 || p.Off != 1 || p.Selected != 1 {
			t.Errorf("there are %+v, %v", p, err)
		}

		// Whoever switches a token on has seen what was refused before.
		w.Clock.Advance(time.Minute)
		_, err = w.Control.EnableToken(ctx, command, all["off"].ID)
		must(err)
		if got := find(control.TokenList{State: keyporter.TokenNeedsAttention, Sort: keyporter.TokensByName}); got != "away blocked refused soon" {
			t.Errorf("after one was switched on, %q need attention", got)
		}
		_, err = w.Control.DisableToken(ctx, command, all["off"].ID)
		must(err)

		// Nothing works without the feature.
		works := func() {
			t.Helper()
			p, err := w.Control.ListTokens(ctx, admin, control.TokenList{})
			must(err)
			for _, token := range p.Tokens {
				if got := w.allowed(all[token.Name]); got != (token.State == keyporter.TokenActive) {
					t.Errorf("%s is %s, and a call is allowed: %v", token.Name, token.State, got)
				}
			}
		}
		works()
		must(w.Control.WithdrawFlag(ctx, command, w.ada.OrganizationID, keyporter.FlagAPI))
		works()
		for _, l := range []control.TokenList{{}, {OwnerID: w.ada.ID}} {
			l.State = keyporter.TokenActive
			if got := find(l); got != "" {
				t.Errorf("without the feature, %s are active", got)
			}
		}
	})
}

// TestTokensAreListedForWhoMayManageThem tries lists of others.
func TestTokensAreListedForWhoMayManageThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	w.userToken(t, w.ada, "export")
	acme, session := w.ada.OrganizationID, keyportertest.Session
	for i, tt := range []struct {
		actor keyporter.Actor
		list  control.TokenList
		want  keyporter.Kind
	}{
		{session(w.ada), control.TokenList{OwnerID: w.ada.ID}, noError},
		{session(w.admin), control.TokenList{OwnerID: w.ada.ID}, noError},
		{session(w.admin), control.TokenList{}, noError},
		{session(w.admin), control.TokenList{Kind: keyporter.OrganizationToken}, noError},
		{session(w.operator(t)), control.TokenList{OrganizationID: acme, Kind: keyporter.OrganizationToken}, noError},
		{keyporter.Command(), control.TokenList{OrganizationID: acme}, noError},
		{session(w.grace), control.TokenList{OwnerID: w.ada.ID}, keyporter.Forbidden},
		{session(w.ada), control.TokenList{}, keyporter.Forbidden},
		{session(w.eve), control.TokenList{OwnerID: w.ada.ID}, keyporter.NotFound},
		{session(w.eve), control.TokenList{OrganizationID: acme}, keyporter.NotFound},
		{session(w.eve), control.TokenList{OrganizationID: acme, Kind: keyporter.OrganizationToken}, keyporter.NotFound},
		{keyporter.Actor{}, control.TokenList{OwnerID: w.ada.ID}, keyporter.Unauthorized},
	} {
		if _, err := w.Control.ListTokens(t.Context(), tt.actor, tt.list); keyporter.KindOf(err) != tt.want {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestACursorThatDoesNotFitIsRefused tries texts in its place.
func TestACursorThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		for i := range control.MaxPage + 1 {
			w.userToken(t, w.ada, fmt.Sprint(i))
		}
		me, l := keyportertest.Session(w.ada), control.TokenList{OwnerID: w.ada.ID, Sort: keyporter.TokensByName}
		p, err := w.Control.ListTokens(t.Context(), me, l)
		if err != nil || p.Next == "" {
			t.Fatal(err)
		}
		for _, cursor := range []string{"x", "%00", p.Next[1:], p.Next + "x", strings.Repeat("a", 20_000), "bnVsbA", "eyJvIjoidG9rZW5zIG5hbWVmYWxzZSIsInQiOiJcdTAwMDAiLCJpIjoiYSJ9"} {
			l.After = cursor
			_, err := w.Control.ListTokens(t.Context(), me, l)
			if fieldsOf(err) != "page" {
				t.Errorf("%.40q: %v", cursor, err)
			}
		}
		l.After, l.Sort = p.Next, keyporter.TokensByUse
		if _, err := w.Control.ListTokens(t.Context(), me, l); fieldsOf(err) != "page" {
			t.Errorf("of another order: %v", err)
		}
		_, err = w.Control.ListTokens(t.Context(), me, control.TokenList{OwnerID: w.ada.ID, Sort: "x", State: "x", UnusedDays: -1, ExpiringDays: 1 << 40})
		if fieldsOf(err) != "state sort unused expiring" {
			t.Errorf("a list that there isn't: %v", err)
		}

		// The tokens of a page are deleted while someone goes there.
		l.Sort = keyporter.TokensByName
		last, err := w.Control.ListTokens(t.Context(), me, l)
		if err != nil || len(last.Tokens) != 1 || last.Previous == "" {
			t.Fatalf("the last page is %+v, %v", last, err)
		}
		if err := w.Control.DeleteToken(t.Context(), me, last.Tokens[0].ID); err != nil {
			t.Fatal(err)
		}
		if again, err := w.Control.ListTokens(t.Context(), me, l); err != nil || !slices.Equal(namesOf(again.Tokens), namesOf(p.Tokens)) || again.Next != "" || again.Previous != "" {
			t.Errorf("then it is %v, %+v, %v", namesOf(again.Tokens), again.Cursors, err)
		}
	})
}

// fewest returns what f returns, and with how many statements. It tries several times, because the node's jobs run some, too.
func fewest[T any](t *testing.T, w *world, f func() (T, error)) (got T, fewest int64) {
	t.Helper()
	for try := range 3 {
		before := w.DB.Statements()
		var err error
		if got, err = f(); err != nil {
			t.Fatal(err)
		}
		if n := w.DB.Statements() - before; try == 0 || n < fewest {
			fewest = n
		}
	}
	return got, fewest
}

// TestManyTokensAreNotCounted lists more than are counted, with as many statements as a few.
func TestManyTokensAreNotCounted(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		admin := keyportertest.Session(w.admin)
		statements := func(l control.TokenList) (p control.TokenPage, n int64) {
			t.Helper()
			return fewest(t, w, func() (control.TokenPage, error) { return w.Control.ListTokens(t.Context(), admin, l) })
		}
		w.userToken(t, w.ada, "one")
		_, one := statements(control.TokenList{})
		keyportertest.Exec(t, url, fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 10001 UNION ALL SELECT i + 1 FROM n WHERE i < 20001)
			INSERT INTO tokens (id, organization_id, owner_id, kind, name, name_key, enabled, expires_at, created_at)
			SELECT 'a' || CAST(i AS TEXT), '%s', '%s', 'user', CAST(i AS TEXT), CAST(i AS TEXT), i = 10001, 0, 1 FROM n`, w.ada.OrganizationID, w.grace.ID),
			`INSERT INTO token_secrets (hash, token_id, first, last, created_at) SELECT CAST(id AS `+bytesType(url)+`), id, '', '', 1 FROM tokens WHERE created_at = 1`)
		p, many := statements(control.TokenList{})
		if !p.All.Over() || p.All.Counted() != 10_000 || p.Selected != p.All || p.Active != 2 || p.Attention != 0 || p.Off.Over() || p.Off != 10_000 {
			t.Errorf("there are %d, %d, %d, %d, %d", p.Selected, p.All, p.Active, p.Attention, p.Off)
		}
		if p, _ = statements(control.TokenList{Match: "1"}); p.All != 10_000 || p.All.Over() {
			t.Errorf("there are %d", p.All)
		}
		if many != one {
			t.Errorf("%d statements for one token, and %d for many", one, many)
		}
	})
}

// bytesType is the type that a text is cast to for its bytes.
func bytesType(url string) string {
	if store.IsPostgres(url) {
		return "BYTEA"
	}
	return "BLOB"
}

// TestACallCountsInAListAtOnce makes a call that isn't written yet.
func TestACallCountsInAListAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	idle, busy := w.userToken(t, w.ada, "idle"), w.userToken(t, w.ada, "busy")
	last := func(want ...string) {
		t.Helper()
		p, err := w.Control.ListTokens(t.Context(), keyportertest.Session(w.ada), control.TokenList{OwnerID: w.ada.ID, Sort: keyporter.TokensByUse, Descending: true})
		var got []string
		for _, token := range p.Tokens {
			got = append(got, fmt.Sprint(token.Name, " ", token.Use.Allowed))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("the list is %v, %v; want %v", got, err, want)
		}
	}
	w.allowed(idle)
	w.Clock.Advance(time.Minute)
	flush := func() {
		t.Helper()
		if err := w.Usage.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	last("idle 1", "busy 0")
	w.allowed(busy)
	last("idle 1", "busy 1")
	flush()
	last("busy 1", "idle 1")
	w.called(t, store.Use{CredentialID: busy.ID, ClientUse: keyporter.ClientUse{Agent: "late", LastAt: w.Clock.Now().Add(-time.Hour), Allowed: 1}}) // by another node
	last("busy 2", "idle 1")

	me := keyportertest.Session(w.ada)
	if err := w.Control.DeleteToken(t.Context(), me, busy.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Control.RestoreToken(t.Context(), me, control.Restore{TokenID: busy.ID}); err != nil {
		t.Fatal(err)
	}
	last("busy 2", "idle 1")
}
