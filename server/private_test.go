package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

func TestWhoReadsAKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	text := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, tlsKey := keyportertest.Certificate(t, t.TempDir())
	for mode, private := range map[fs.FileMode]struct{ own, foreign bool }{
		0o600: {true, true}, 0o400: {true, true}, 0o700: {true, true},
		0o640: {false, true}, 0o440: {false, true}, // as Kubernetes mounts secrets with fsGroup
		0o620: {false, false}, 0o660: {false, false}, 0o644: {false, false}, 0o604: {false, false}, 0o602: {false, false},
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			t.Fatal("this system has no owners of files")
		}
		owner := int(stat.Uid)
		if own, foreign := whoReads(info, owner) == "", whoReads(info, owner+1) == ""; own != private.own || foreign != private.foreign {
			t.Errorf("%04o: private %v, and %v if it belongs to another user", mode, own, foreign)
		}
		_, err = Config{KeyFile: path}.Sealer(t.Context(), nil)
		if (err == nil) != private.own || err != nil && !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("key_file with %04o: %v", mode, err)
		}
		if err := os.Chmod(tlsKey, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := (Config{TLSCertificate: certificate, TLSKey: tlsKey}).tls(); (err == nil) != private.own {
			t.Errorf("tls_key with %04o: %v", mode, err)
		}
	}
}

// TestFilesWithSecretsArePrivate starts Keyporter without and with files that others can read.
func TestFilesWithSecretsArePrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	database := filepath.Join(dir, "keyporter.db")
	start := func(file string, want ...string) {
		t.Helper()
		var log bytes.Buffer
		s, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Database: database, file: file}, slog.New(slog.NewTextHandler(&log, nil)), nil)
		if err != nil {
			t.Fatal(err)
		}
		for path, mode := range map[string]fs.FileMode{dir: 0o700, database + ".key": 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(log.String(), "isn't private"); warned != (len(want) > 0) {
			t.Errorf("warned %v, want %q:\n%s", warned, want, log.String())
		}
		for _, w := range want {
			if !strings.Contains(log.String(), w) {
				t.Errorf("no warning %q:\n%s", w, log.String())
			}
		}
	}
	start("")
	if info, err := os.Stat(database); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database: %v, %v", info, err)
	}
	if err := os.Chmod(database, 0o640); err != nil {
		t.Fatal(err)
	}
	start("", fmt.Sprintf("path=%s mode=0640", database))
}

func TestAPasswordInAConfigurationOthersReadIsReported(t *testing.T) {
	t.Parallel()
	for database, has := range map[string]bool{
		"postgres://keyporter:secretword@db.example.com/x": true, "postgres://db.example.com/x?user=a&password=secretword": true,
		"postgres://keyporter@db.example.com/x": false, "postgres:///x": false,
	} {
		path := filepath.Join(t.TempDir(), "keyporter.yaml")
		if err := os.WriteFile(path, []byte("database: "+database+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for mode, private := range map[fs.FileMode]bool{0o600: true, 0o644: false} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			c, err := Load(path, func(string) string { return "" }, nil)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			c.warnOfExposed(slog.New(slog.NewTextHandler(&log, nil)))
			if warned := log.Len() > 0; warned != (has && !private) || strings.Contains(log.String(), "secretword") {
				t.Errorf("%s with %04o: %s", database, mode, log.String())
			}
		}
	}
}
