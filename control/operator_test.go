package control_test

import (
	"sync"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/keyportertest"
)

func TestOperatorsMakeOperators(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		ctx, operator := t.Context(), w.operator(t)
		me, ada := keyportertest.Session(operator), keyportertest.Session(w.ada)
		suspend := func(a keyporter.Actor) error { return w.Control.DisableOrganization(ctx, a, w.eve.OrganizationID) }

		kindOf(t, suspend(ada), keyporter.Forbidden)
		kindOf(t, w.Control.AppointOperator(ctx, ada, w.ada.ID), keyporter.Forbidden)
		before := events(t, w, w.ada.OrganizationID)
		for range 2 { // the second time changes nothing
			kindOf(t, w.Control.AppointOperator(ctx, me, w.ada.ID), fine)
		}
		if n := events(t, w, w.ada.OrganizationID) - before; n != 1 {
			t.Errorf("%d events", n)
		}
		p, err := w.Control.Profile(ctx, me, w.ada.ID)
		if err != nil || !p.Operator || !p.CanChangeOperator {
			t.Errorf("%+v, %v", p, err)
		}
		ada = keyportertest.Session(p.User)
		kindOf(t, w.Control.DismissOperator(ctx, ada, w.ada.ID), keyporter.Forbidden) // so there is always one
		kindOf(t, w.Control.DismissOperator(ctx, me, w.ada.ID), fine)
		// A session that began when he was one is none of an operator's any more.
		kindOf(t, w.Control.AppointOperator(ctx, ada, w.grace.ID), keyporter.Forbidden)
		kindOf(t, w.Control.DismissOperator(ctx, keyporter.Command(), operator.ID), fine) // the machine's owner has other ways back in
		kindOf(t, w.Control.AppointOperator(ctx, keyporter.Command(), "01jnosuchuser"), keyporter.NotFound)
	})
}

func TestTwoOperatorsCannotDismissEachOtherAtOnce(t *testing.T) {
	t.Parallel()
	keyportertest.EachDatabase(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		pair := []keyporter.User{w.ada, w.eve} // of two organizations
		for range 20 {
			for _, u := range pair {
				kindOf(t, w.Control.AppointOperator(t.Context(), keyporter.Command(), u.ID), fine)
			}
			var errs [2]error
			var all sync.WaitGroup
			for i := range pair {
				me, other := keyportertest.Session(pair[i]), pair[1-i]
				all.Go(func() { errs[i] = w.Control.DismissOperator(t.Context(), me, other.ID) })
			}
			all.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("both dismissed each other, or neither: %v", errs)
			}
		}
	})
}

func TestAnOperatorWhoIsAppointedEndsTheSetupLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyportertest.SQLite(t))
	code, err := w.Control.SetupCode(t.Context(), keyporter.Command())
	if err != nil || code == "" {
		t.Fatalf("%q, %v", code, err)
	}
	kindOf(t, w.Control.AppointOperator(t.Context(), keyporter.Command(), w.ada.ID), fine)
	kindOf(t, w.Control.SetupOpen(t.Context(), keyportertest.Nobody(), code), keyporter.NotFound)
}
