package server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keyporter/keyporter/seal"
	"github.com/keyporter/keyporter/store"
)

// Sealer returns a sealer with the keys in key_file. With SQLite, a missing file is created
// next to the database, unless the database knows the missing key. With
// PostgreSQL it isn't, because all nodes need the same one. Without key_file, Sealer then returns nil,
// and apps can't connect, unless the database knows a key: then the node must have it, too.
func (c Config) Sealer(ctx context.Context, db *store.DB) (*seal.Sealer, error) {
	c = c.withDefaults()
	path := c.KeyFile
	if path == "" {
		if store.IsPostgres(c.Database) {
			return nil, mustHaveNoKey(ctx, db, "it isn't set")
		}
		path = besideDatabase(c.Database)
		if err := makeKey(ctx, db, path); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("key_file: %s is missing; restore it, or if there has never been one, create it with “(umask 077; openssl rand -base64 32 >%[1]s)”", path)
	}
	text, err := readPrivate("key_file", path)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("key_file %s: %w", path, err)
	}
	return seal.New(keys...)
}

// besideDatabase returns where the key of an SQLite database is: beside the file that a link leads to, like SQLite's
// own files, unless there is one beside the link, where earlier releases made it.
func besideDatabase(path string) string {
	const suffix = ".key"
	if _, err := os.Lstat(path + suffix); err == nil {
		return path + suffix
	}
	if file, err := filepath.EvalSymlinks(path); err == nil {
		path = file
	}
	return path + suffix
}

// mustHaveNoKey returns an error if the database was encrypted with a key.
func mustHaveNoKey(ctx context.Context, db *store.DB, problem string) error {
	has, err := db.HasKey(ctx)
	if err == nil && has {
		err = fmt.Errorf("key_file: %s, and this database was encrypted with a key; restore or name the file with that key, or see “If the key is lost” in docs/explanation/security.md", problem)
	}
	return err
}

// canBeFirst returns an error if the database doesn't know its key yet, has something sealed, and none of it opens.
// One thing that opens is enough: the rest may be left over from a key that was lost.
func canBeFirst(ctx context.Context, db *store.DB, sealer *seal.Sealer) error {
	known, err := db.KnownKey(ctx)
	if err != nil || known != "" {
		return err
	}
	all, err := db.Sealed(ctx)
	for _, s := range all {
		if _, err = sealer.Open(s.Purpose, s.Bytes); err == nil {
			return nil
		}
	}
	return err
}

// makeKey creates a file with a new key, unless the file exists.
func makeKey(ctx context.Context, db *store.DB, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := mustHaveNoKey(ctx, db, path+" is missing"); err != nil { // a new key would only look like the right one
		return err
	}
	if err := writeKey(path); err != nil && !errors.Is(err, fs.ErrExist) { // another program may have been first
		return fmt.Errorf("create a key_file: %w", err)
	}
	return nil
}

// writeKey writes a new key to a file that doesn't exist. On a full disk there is no file afterward: every
// later start would take one without a key for the right one.
func writeKey(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	key := seal.NewKey()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n")
	if err == nil {
		err = f.Sync() // from now on, this key is the only one that opens what is sealed
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path) // fails if the file exists
}

// parseKeys reads keys in base64, one per line. It skips empty lines and comments (#). Its
// errors never contain a key.
func parseKeys(text string) (keys []seal.Key, err error) {
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != seal.KeyLen {
			return nil, fmt.Errorf("line %d must be a key of %d bytes in base64, as printed by `openssl rand -base64 32`", i+1, seal.KeyLen)
		}
		keys = append(keys, seal.Key(key))
	}
	if len(keys) == 0 {
		return nil, errors.New("it contains no key; restore it")
	}
	return keys, nil
}
