package control

import (
	"context"
	"crypto/rand"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

type formKey struct{}

// WithForm returns a context for the change that a form asks for. form tells the form from all others, with what it
// holds and the session it is sent in. If it is sent twice, as by a double click, the change is made once, and both
// answers have the secret that it made.
func WithForm(ctx context.Context, form string) context.Context {
	return context.WithValue(ctx, formKey{}, form)
}

func formOf(ctx context.Context) string {
	form, _ := ctx.Value(formKey{}).(string)
	return form
}

// newSecret makes a secret. That of a form is always the same, on every node with the same key, so that nothing has to
// keep it in order to answer the form again.
func (c *Control) newSecret(ctx context.Context, kind keyporter.SecretKind) keyporter.Secret {
	if form := formOf(ctx); form != "" {
		return keyporter.DeriveSecret(kind, c.sealer.Derive, "form "+form)
	}
	return keyporter.NewSecret(kind)
}

// newKey makes a key of 256 bits, like newSecret.
func (c *Control) newKey(ctx context.Context, purpose string) (key [32]byte) {
	if form := formOf(ctx); form != "" {
		return c.sealer.Derive(purpose, "form "+form)
	}
	_, _ = rand.Read(key[:]) // rand.Read never fails
	return key
}

type secretReader interface {
	TokenBySecret(context.Context, keyporter.SecretHash) (keyporter.Token, error)
	DeletedSecrets(context.Context, []keyporter.SecretHash) (map[keyporter.SecretHash]bool, error)
}

// tokenSecret makes the secret of a token. If the form in ctx has just made a token with it, tokenSecret returns that
// token, too. If the secret has been used otherwise, it makes another one: what was deleted must not come back.
func (c *Control) tokenSecret(ctx context.Context, q secretReader, kind keyporter.SecretKind) (keyporter.Secret, keyporter.Token, error) {
	secret := c.newSecret(ctx, kind)
	if formOf(ctx) == "" {
		return secret, keyporter.Token{}, nil
	}
	t, err := q.TokenBySecret(ctx, secret.Hash())
	if err == nil && c.now().Sub(t.CreatedAt) < revealWithin {
		return secret, t, nil
	}
	if err != nil && keyporter.KindOf(err) != keyporter.NotFound {
		return secret, keyporter.Token{}, err
	}
	deleted, other := q.DeletedSecrets(ctx, []keyporter.SecretHash{secret.Hash()})
	if err == nil || deleted[secret.Hash()] {
		secret = keyporter.NewSecret(kind)
	}
	return secret, keyporter.Token{}, other
}

// replaceSecret gives a token a new secret and returns it. If the form in ctx has done that already, changed is false.
func (c *Control) replaceSecret(ctx context.Context, tx *store.Tx, t *keyporter.Token) (secret keyporter.Secret, changed bool, err error) {
	secret = c.newSecret(ctx, keyporter.SecretOrganizationToken)
	if formOf(ctx) != "" {
		with, err := tx.TokenBySecret(ctx, secret.Hash())
		if err == nil && with.ID == t.ID {
			return secret, false, nil
		}
		deleted, err := tx.DeletedSecrets(ctx, []keyporter.SecretHash{secret.Hash()})
		if err != nil {
			return secret, false, err
		}
		if deleted[secret.Hash()] {
			secret = keyporter.NewSecret(keyporter.SecretOrganizationToken)
		}
	}
	t.First, t.Last = secret.First(), secret.Last()
	return secret, true, tx.ReplaceSecret(ctx, *t, secret.Hash(), c.now())
}

// appSecret makes the secret of an app. If the form in ctx has just made a secret, appSecret returns it with its record.
func (c *Control) appSecret(ctx context.Context, tx *store.Tx) (keyporter.Secret, keyporter.AppCredential, error) {
	secret := c.newSecret(ctx, keyporter.SecretApp)
	if formOf(ctx) == "" {
		return secret, keyporter.AppCredential{}, nil
	}
	made, err := tx.AppSecret(ctx, secret.Hash())
	switch {
	case keyporter.KindOf(err) == keyporter.NotFound:
		return secret, keyporter.AppCredential{}, nil
	case err == nil && c.now().Sub(made.CreatedAt) >= revealWithin:
		return keyporter.NewSecret(keyporter.SecretApp), keyporter.AppCredential{}, nil
	}
	return secret, made, err
}
