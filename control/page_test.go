package control_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
	"github.com/keyporter/keyporter/store"
)

// TestConnectionsAndAppsAreFound searches them, and goes through more than a page of them and back.
func TestConnectionsAndAppsAreFound(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, n := t.Context(), control.MaxPage+3
		ada, admin, eve := keyportertest.Session(w.ada), keyportertest.Session(w.admin), keyportertest.Session(w.eve)
		err := w.DB.Do(ctx, func(tx *store.Tx) error {
			for i := range n {
				app := keyporter.App{
					ID: keyporter.ID(fmt.Sprintf("app%03d", i)), OrganizationID: w.ada.OrganizationID, Name: fmt.Sprintf("Sync 100%% %03d", i), State: keyporter.AppActive, Authentication: keyporter.AppSecret, CreatedAt: w.Clock.Now(),
				}
				if err := tx.InsertApp(ctx, app); err != nil {
					return err
				}
				conn := keyporter.Connection{ID: keyporter.ID(fmt.Sprintf("c%03d", i)), UserID: w.ada.ID, OrganizationID: w.ada.OrganizationID, AppID: app.ID}
				if i == 7 {
					conn.UserID = w.grace.ID
				}
				if _, err := tx.PutConnection(ctx, conn); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		connections := func(actor keyporter.Actor, l control.ConnectionList) (names []string, p control.ConnectionPage) {
			t.Helper()
			p, err := w.Control.ListConnections(ctx, actor, l)
			if err != nil {
				t.Errorf("%+v: %v", l, err)
			}
			for _, c := range p.Connections {
				names = append(names, strings.TrimPrefix(c.App.Name, "Sync 100% "))
			}
			return names, p
		}
		apps := func(actor keyporter.Actor, l control.AppList) (names []string, p control.AppPage) {
			t.Helper()
			p, err := w.Control.ListApps(ctx, actor, l)
			if err != nil {
				t.Errorf("%+v: %v", l, err)
			}
			for _, a := range p.Apps {
				names = append(names, strings.TrimPrefix(a.Name, "Sync 100% "))
			}
			return names, p
		}
		for match, want := range map[string]string{"sYNC 100% 007": "007", "GRACE@": "007", "0_7": "", "100%": "", "zz": ""} {
			got, p := connections(admin, control.ConnectionList{Everyone: true, Match: match})
			if match == "100%" {
				got, want = got[:1], fmt.Sprintf("%03d", n-1)
			} else if int(p.Total) != len(got) {
				t.Errorf("%q: %d of %d", match, len(got), p.Total)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%q finds %v", match, got)
			}
			if found, _ := apps(admin, control.AppList{Match: match}); match != "GRACE@" && strings.Join(found[:min(1, len(found))], " ") != want {
				t.Errorf("%q finds the apps %v", match, found)
			}
		}
		if got, p := connections(ada, control.ConnectionList{Match: "grace"}); len(got) != 0 || p.Total != 0 {
			t.Errorf("a user searches by the logins of others: %v", got)
		}
		first, p := connections(ada, control.ConnectionList{})
		second, p2 := connections(ada, control.ConnectionList{Paging: control.Paging{After: p.Next}})
		back, p3 := connections(ada, control.ConnectionList{Paging: control.Paging{Before: p2.Previous}})
		if len(first) != control.MaxPage || len(second) != 2 || !slices.Equal(back, first) || int(p.Total) != n-1 || p.Previous+p2.Next+p3.Previous != "" || p3.Next == "" {
			t.Errorf("the pages are %v, %v, and back %v", first, second, back)
		}
		firstApps, a := apps(admin, control.AppList{State: keyporter.AppActive})
		secondApps, a2 := apps(admin, control.AppList{State: keyporter.AppActive, Paging: control.Paging{After: a.Next}})
		backApps, _ := apps(admin, control.AppList{State: keyporter.AppActive, Paging: control.Paging{Before: a2.Previous}})
		if len(firstApps) != control.MaxPage || len(secondApps) != 3 || !slices.Equal(backApps, firstApps) || int(a.All) != n {
			t.Errorf("the pages of apps are %v, %v, and back %v", firstApps, secondApps, backApps)
		}
		if got, p := connections(eve, control.ConnectionList{Everyone: true, Match: "sync"}); len(got) != 0 || p.Total != 0 {
			t.Errorf("another organization sees %v", got)
		}
		if got, p := apps(eve, control.AppList{Match: "sync"}); len(got) != 0 || p.All != 0 {
			t.Errorf("another organization sees the apps %v", got)
		}
		_, err = w.Control.ListConnections(ctx, ada, control.ConnectionList{Everyone: true})
		wantKind(t, err, keyporter.Forbidden)
		_, err = w.Control.ListConnections(ctx, ada, control.ConnectionList{Paging: control.Paging{After: a.Next}})
		if fieldsOf(err) != "page" {
			t.Errorf("a cursor of another list: %v", err)
		}
	})
}
