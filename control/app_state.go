package control

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// SuspendApp refuses all tokens of an app, starting with the next call. Only an operator can resume
// an app that an operator suspended: the people responsible for it must not be able to undo
// that.
func (c *Control) SuspendApp(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeApp(ctx, actor, id, func(tx *store.Tx, a keyporter.App, over appAuthority) (keyporter.Event, error) {
		if a.State == keyporter.AppQuarantined {
			return keyporter.Event{}, keyporter.Refuse(keyporter.Conflict, "This app doesn’t work yet: no operator has approved it.")
		}
		if a.State == keyporter.AppSuspended && (a.SuspendedByOperator || !over.operates) {
			return keyporter.Event{}, nil // nothing changes, so no event
		}
		if over.operates {
			if err := tx.SetAppBarred(ctx, id, true); err != nil {
				return keyporter.Event{}, err
			}
		}
		_, err := tx.SetAppState(ctx, id, keyporter.AppSuspended)
		e := c.appEvent(keyporter.EventAppSuspend, actor, a)
		if over.operates {
			e.Detail["by"] = "operator"
		}
		return e, err
	})
}

// ResumeApp ends the suspension of an app. Its connections are still there, and its tokens
// work until they expire.
func (c *Control) ResumeApp(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeApp(ctx, actor, id, func(tx *store.Tx, a keyporter.App, over appAuthority) (keyporter.Event, error) {
		switch {
		case a.State != keyporter.AppSuspended:
			return keyporter.Event{}, nil
		case a.SuspendedByOperator && !over.operates:
			return keyporter.Event{}, keyporter.Refuse(keyporter.Forbidden, "An operator of this Keyporter has suspended this app. Only an operator can lift the suspension.")
		}
		if err := tx.SetAppBarred(ctx, id, false); err != nil {
			return keyporter.Event{}, err
		}
		_, err := tx.SetAppState(ctx, id, keyporter.AppActive)
		return c.appEvent(keyporter.EventAppResume, actor, a), err
	})
}

// ApproveApp lets an app that registered itself start working. It requires an operator who
// has seen this version of it; if the app has since changed what it says about itself, it
// returns a Conflict.
func (c *Control) ApproveApp(ctx context.Context, actor keyporter.Actor, id keyporter.ID, version int) error {
	if err := mayOperate(ctx, c.db, actor); err != nil { // before anything reveals whether the app exists
		return err
	}
	return c.changeApp(ctx, actor, id, func(tx *store.Tx, a keyporter.App, over appAuthority) (keyporter.Event, error) {
		if !over.operates {
			return keyporter.Event{}, keyporter.OperatorsOnly()
		}
		if a.State != keyporter.AppQuarantined {
			return keyporter.Event{}, nil
		}
		if a.Version != version {
			return keyporter.Event{}, keyporter.Refuse(keyporter.Conflict, "The app has changed its details in the meantime. Review it again before you approve it.")
		}
		_, err := tx.SetAppState(ctx, id, keyporter.AppActive)
		return c.appEvent(keyporter.EventAppApprove, actor, a), err
	})
}

// DeleteApp permanently deletes an app with all of its connections and tokens.
func (c *Control) DeleteApp(ctx context.Context, actor keyporter.Actor, id keyporter.ID) error {
	return c.changeApp(ctx, actor, id, func(tx *store.Tx, a keyporter.App, _ appAuthority) (keyporter.Event, error) {
		return c.appEvent(keyporter.EventAppDelete, actor, a), tx.DeleteApp(ctx, id, c.now())
	})
}
