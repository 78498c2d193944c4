package control_test

import (
	"sync"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestOperatorsAppointOperators(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, operator := t.Context(), w.operator(t)
		me, ada := keyportertest.Session(operator), keyportertest.Session(w.ada)
		suspend := func(a keyporter.Actor) error { return w.Control.DisableOrganization(ctx, a, w.eve.OrganizationID) }

		wantKind(t, suspend(ada), keyporter.Forbidden)
		wantKind(t, w.Control.AppointOperator(ctx, ada, w.ada.ID), keyporter.Forbidden)
		before := events(t, w, w.ada.OrganizationID)
		for range 2 { // the second time changes nothing
			wantKind(t, w.Control.AppointOperator(ctx, me, w.ada.ID), noError)
		}
		if n := events(t, w, w.ada.OrganizationID) - before; n != 1 {
			t.Errorf("%d events", n)
		}
		p, err := w.Control.Profile(ctx, me, w.ada.ID)
		if err != nil || !p.Operator || !p.CanChangeOperator {
			t.Errorf("%+v, %v", p, err)
		}
		ada = keyportertest.Session(p.User)
		wantKind(t, w.Control.DismissOperator(ctx, ada, w.ada.ID), keyporter.Forbidden) // so that one always remains
		wantKind(t, w.Control.DismissOperator(ctx, me, w.ada.ID), noError)
		// A session that started while they were an operator has lost that power, too.
		wantKind(t, w.Control.AppointOperator(ctx, ada, w.grace.ID), keyporter.Forbidden)
		wantKind(t, w.Control.DismissOperator(ctx, keyporter.Command(), operator.ID), noError) // the machine's owner has other ways back in
		wantKind(t, w.Control.AppointOperator(ctx, keyporter.Command(), "01jnosuchuser"), keyporter.NotFound)
	})
}

func TestTwoOperatorsCannotDismissEachOtherAtOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		pair := []keyporter.User{w.ada, w.eve} // from different organizations
		for range 20 {
			for _, u := range pair {
				wantKind(t, w.Control.AppointOperator(t.Context(), keyporter.Command(), u.ID), noError)
			}
			var errs [2]error
			var all sync.WaitGroup
			for i := range pair {
				me, other := keyportertest.Session(pair[i]), pair[1-i]
				all.Go(func() { errs[i] = w.Control.DismissOperator(t.Context(), me, other.ID) })
			}
			all.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("both or neither were dismissed: %v", errs)
			}
		}
	})
}

func TestAppointingAnOperatorEndsTheSetupLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.Database(t))
	code, err := w.Control.SetupCode(t.Context(), keyporter.Command())
	if err != nil || code == "" {
		t.Fatalf("%q, %v", code, err)
	}
	wantKind(t, w.Control.AppointOperator(t.Context(), keyporter.Command(), w.ada.ID), noError)
	wantKind(t, w.Control.SetupOpen(t.Context(), keyportertest.Nobody(), code), keyporter.NotFound)
}
