package control_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// imported returns a token from another system, with a secret derived from its name.
func imported(line int, login, name string) control.ImportedToken {
	s, err := keyporter.ReadImportedSecret(keyporter.UserToken, "the-secret-of-the-token-"+strings.ReplaceAll(name, " ", "-"))
	if err != nil {
		panic(err)
	}
	return control.ImportedToken{Line: line, Kind: keyporter.UserToken, Login: login, Name: name, Secret: s, Enabled: line%2 == 0}
}

func mustImport(t *testing.T, c *control.Control, tokens []control.ImportedToken, o control.ImportOptions, want control.Import) {
	t.Helper()
	got, err := c.ImportTokens(t.Context(), keyporter.Command(), tokens, o)
	if err != nil || got.New != want.New || got.Enabled != want.Enabled || got.There != want.There || got.Deleted != want.Deleted || !slices.Equal(got.Faults, want.Faults) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
}

func TestImportsAreRepeatable(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		file := []control.ImportedToken{imported(1, "ADA@acme.example", "Export"), imported(2, "ada@acme.example", "Sync"), imported(3, "eve@other.example", "Export two")}
		file[2].ExpiresAt = w.Clock.Now().Add(time.Hour)
		mustImport(t, w.Control, file, control.ImportOptions{DryRun: true}, control.Import{New: 3, Enabled: 1})
		mustImport(t, w.Control, file, control.ImportOptions{}, control.Import{New: 3, Enabled: 1})
		mustImport(t, w.Control, file, control.ImportOptions{}, control.Import{There: 3})

		// Another import keeps what the owner has changed, and finds tokens that have expired.
		_, tokens, err := w.Control.TokensOf(t.Context(), keyporter.Command(), w.ada.ID, keyporter.UserToken, "")
		if err != nil || len(tokens) != 2 {
			t.Fatalf("%d tokens, %v", len(tokens), err)
		}
		sync := tokens[0].Token
		if sync.Name != "Sync" || !sync.Enabled || !sync.Imported() {
			t.Errorf("%+v", sync)
		}
		if _, err := w.Control.DisableToken(t.Context(), keyportertest.Session(w.ada), sync.ID); err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(2 * time.Hour)
		file = append(file, imported(4, "grace@acme.example", "Export three"))
		mustImport(t, w.Control, file, control.ImportOptions{}, control.Import{New: 1, Enabled: 1, There: 3})
		if sync, err = w.Control.Token(t.Context(), keyporter.Command(), sync.ID); err != nil || sync.Enabled {
			t.Errorf("the import switched a token on: %+v, %v", sync, err)
		}

		events, err := w.DB.Events(t.Context(), w.ada.OrganizationID, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, e := range events {
			if e.Name == keyporter.EventTokenImport {
				names = append(names, e.Detail["name"])
				if e.Actor.Kind != keyporter.ActorCommand || e.TokenID == "" || e.UserID == "" {
					t.Errorf("%+v", e)
				}
			}
		}
		if slices.Sort(names); !slices.Equal(names, []string{"Export", "Export three", "Sync"}) {
			t.Errorf("there are events for %q", names)
		}
	})
}

func TestImportsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		keyportertest.Token(t, w.Control, w.ada, "Taken")
		mustImport(t, w.Control, []control.ImportedToken{imported(2, "ada@acme.example", "There")}, control.ImportOptions{}, control.Import{New: 1, Enabled: 1})
		with := func(t control.ImportedToken, change func(*control.ImportedToken)) control.ImportedToken {
			change(&t)
			return t
		}
		file := []control.ImportedToken{
			imported(2, "ada@acme.example", "Good"),
			imported(3, "nobody@acme.example", "Of an unknown user"),
			imported(4, "ada@acme.example", "TAKEN"),
			imported(5, "eve@other.example", "Of another organization"),
			imported(6, "grace@acme.example", "There"),
			with(imported(7, "ada@acme.example", "There"), func(t *control.ImportedToken) { t.Name = "Renamed" }),
			with(imported(8, "ada@acme.example", "There too"), func(t *control.ImportedToken) { t.Name = "Good" }),
			imported(9, "grace@acme.example", "Good"),
			with(imported(10, "grace@acme.example", "Over"), func(t *control.ImportedToken) { t.ExpiresAt = w.Clock.Now() }),
			imported(12, "grace@acme.example", "Good as well"),
			imported(14, "ada@acme.example", "There"),
		}
		want := control.Import{New: 2, Enabled: 2, Faults: []control.LineFault{
			{3, "There is no user with this login name."},
			{4, "The owner has another token with this name, in Keyporter or in an earlier line."},
			{5, "The owner belongs to another organization."},
			{6, "A token with this secret exists, with another owner or kind."},
			{7, "Line 6 has the same secret."},
			{8, "The owner has another token with this name, in Keyporter or in an earlier line."},
			{9, "Line 2 has the same secret."},
			{10, "The expiry must be in the future."},
			{14, "Line 6 has the same secret."},
		}}
		for _, dry := range []bool{true, false} {
			mustImport(t, w.Control, file, control.ImportOptions{Organization: w.ada.OrganizationID, DryRun: dry}, want)
		}
		mustImport(t, w.Control, file[5:6], control.ImportOptions{}, control.Import{Faults: []control.LineFault{{7, "A token with this secret exists, under another name."}}})
		for _, u := range []keyporter.User{w.ada, w.grace, w.eve} {
			_, tokens, err := w.Control.TokensOf(t.Context(), keyporter.Command(), u.ID, keyporter.UserToken, "")
			if want := map[string]int{w.ada.Login: 2}[u.Login]; err != nil || len(tokens) != want {
				t.Errorf("%s has %d tokens, %v", u.Login, len(tokens), err)
			}
		}
	})
}

// TestImportingAFileTwiceAtOnce checks that exactly one of two imports creates each token, and the other
// finds it.
func TestImportingAFileTwiceAtOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		file := make([]control.ImportedToken, 200)
		for i := range file {
			file[i] = imported(i, "ada@acme.example", fmt.Sprint("Export ", i))
		}
		var both sync.WaitGroup
		var results [2]control.Import
		for i := range results {
			both.Go(func() {
				var err error
				if results[i], err = w.Control.ImportTokens(t.Context(), keyporter.Command(), file, control.ImportOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if len(results[0].Faults)+len(results[1].Faults) > 0 || results[0].New+results[1].New != len(file) || results[0].There+results[1].There != len(file) {
			t.Errorf("%+v", results)
		}
	})
}

func TestWhoMayImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	for _, actor := range []keyporter.Actor{{}, keyportertest.Session(w.ada), keyportertest.Session(w.admin)} {
		_, err := w.Control.ImportTokens(t.Context(), actor, []control.ImportedToken{imported(1, "ada@acme.example", "Export")}, control.ImportOptions{})
		wantKind(t, err, keyporter.Forbidden)
	}
}

// TestDeletedTokensAreNotImportedAgain deletes a token that the file still has as switched on. Someone who
// deletes a token doesn't want it back.
func TestDeletedTokensAreNotImportedAgain(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		file := []control.ImportedToken{imported(2, "ada@acme.example", "Leaked"), imported(4, "ada@acme.example", "Export")}
		mustImport(t, w.Control, file, control.ImportOptions{}, control.Import{New: 2, Enabled: 2})
		leaked, err := w.DB.TokenBySecret(t.Context(), file[0].Secret.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Control.DeleteToken(t.Context(), keyportertest.Session(w.ada), leaked.ID); err != nil {
			t.Fatal(err)
		}
		mustImport(t, w.Control, file, control.ImportOptions{}, control.Import{There: 1, Deleted: 1})
		file[0].Login, file[0].Name = "grace@acme.example", "Renamed" // the secret may have leaked, whatever its name
		mustImport(t, w.Control, file, control.ImportOptions{}, control.Import{There: 1, Deleted: 1})
		if _, err := w.DB.TokenBySecret(t.Context(), file[0].Secret.Hash); keyporter.KindOf(err) != keyporter.NotFound {
			t.Errorf("the secret works again: %v", err)
		}
	})
}

// TestDeletingATokenDuringItsImport has the owner delete the token of an import's last line while the
// import is running. Whichever wins, the token must be gone in the end.
func TestDeletingATokenDuringItsImport(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		for round, statements := range []int{1, 150, 300, 450} { // it takes about 600
			leaked := imported(2, "grace@acme.example", fmt.Sprint("Leaked ", round))
			mustImport(t, w.Control, []control.ImportedToken{leaked}, control.ImportOptions{}, control.Import{New: 1, Enabled: 1})
			token, err := w.DB.TokenBySecret(t.Context(), leaked.Secret.Hash)
			if err != nil {
				t.Fatal(err)
			}
			var file []control.ImportedToken
			for i := range 200 {
				file = append(file, imported(i, "ada@acme.example", fmt.Sprint("Export ", round, " ", i)))
			}
			file = append(file, leaked)
			w.During(statements, func() {
				_, err := w.Control.ImportTokens(t.Context(), keyporter.Command(), file, control.ImportOptions{})
				if err != nil && keyporter.KindOf(err) != keyporter.Conflict {
					t.Error(err)
				}
			}, func() {
				if err := w.Control.DeleteToken(t.Context(), keyportertest.Session(w.grace), token.ID); err != nil {
					t.Error(err)
				}
			})
			if _, err := w.DB.TokenBySecret(t.Context(), leaked.Secret.Hash); keyporter.KindOf(err) != keyporter.NotFound {
				t.Errorf("round %d: the token is back: %v", round, err)
			}
		}
	})
}
