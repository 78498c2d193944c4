package main

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// backupRecipe returns the commands of the section “Back up”, with folders of the test in place of those
// of the machine, and without what takes its system.
func backupRecipe(t *testing.T, data, backups string) (backUp, restore string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/how-to/run.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Back up\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("the section has %d recipes", len(blocks))
	}
	here := strings.NewReplacer("\n$ ", "\n", "/var/lib/keyporter", data, "/var/backups", backups, " -o keyporter -g keyporter", "", "systemctl ", ": ")
	return here.Replace("\n" + blocks[0][1]), here.Replace("\n" + blocks[1][1])
}

func follow(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "bash", "-euc", "umask 022\n"+script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// TestTheBackupRecipe backs up a running database as the page says, and restores it over one that
// crashed with a change in its log.
func TestTheBackupRecipe(t *testing.T) {
	t.Parallel()
	running, crashed, backups := t.TempDir(), t.TempDir(), t.TempDir()
	database := filepath.Join(running, "keyporter.db")
	open := func(path string) *store.DB {
		db, err := store.Open(t.Context(), path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	db := open(database)
	add := func(name string) {
		t.Helper()
		if err := db.Do(t.Context(), func(tx *store.Tx) error {
			return tx.InsertOrganization(t.Context(), keyporter.Organization{ID: keyporter.NewID(time.Now()), Name: name, Active: true, CreatedAt: time.Now()})
		}); err != nil {
			t.Fatal(err)
		}
	}
	add("Before")
	backUp, _ := backupRecipe(t, running, backups)
	elsewhere, _ := backupRecipe(t, t.TempDir(), backups)
	if err := exec.CommandContext(t.Context(), "bash", "-euc", elsewhere).Run(); err == nil {
		t.Error("the recipe backs up a database that doesn't exist")
	}
	follow(t, backUp)
	follow(t, backUp) // the next night
	made, err := filepath.Glob(filepath.Join(backups, "*"))
	if err != nil || len(made) == 0 {
		t.Fatalf("the backups: %v, %v", made, err)
	}
	backup := made[len(made)-1]
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup: %v, %v", info, err)
	}

	add("After")
	for _, file := range []string{"", "-wal", "-shm"} { // what a crash leaves
		content, err := os.ReadFile(database + file)
		if err == nil {
			err = os.WriteFile(filepath.Join(crashed, "keyporter.db"+file), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, restore := backupRecipe(t, crashed, backups)
	follow(t, strings.ReplaceAll(restore, filepath.Join(backups, "keyporter-2027-01-31.db"), backup))
	path := filepath.Join(crashed, "keyporter.db")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the restored database: %v, %v", info, err)
	}
	restored := open(path)
	if _, err := restored.OrganizationByName(t.Context(), "Before"); err != nil {
		t.Errorf("what was backed up isn't restored: %v", err)
	}
	if _, err := restored.OrganizationByName(t.Context(), "After"); keyporter.KindOf(err) != keyporter.NotFound {
		t.Errorf("what came after the backup: %v", err)
	}
}
