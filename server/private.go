package server

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/keyporter/keyporter/store"
)

// Modes of files, as in chmod.
const (
	groupReads  fs.FileMode = 0o040
	groupWrites fs.FileMode = 0o020
	others      fs.FileMode = 0o007
)

// mustBePrivate returns an error if anyone but Keyporter's user can read a file with a key. A group may, if
// the file belongs to another user: secrets that Kubernetes or Docker mounts belong to root, and a
// group is how Keyporter gets to read them.
func mustBePrivate(setting, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", setting, err)
	}
	if readers := whoReads(info, os.Geteuid()); readers != "" {
		return fmt.Errorf("%s: %s can be read or changed by %s; make it private with “chmod 600 %s”, or, if it is mounted as a secret, with the mode 0400 or 0440", setting, path, readers, path)
	}
	return nil
}

// whoReads says who but the user with this ID can read or change a file that should be private, or "".
func whoReads(info fs.FileInfo, user int) string {
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return "" // not on a system with modes
	}
	switch mode := info.Mode().Perm(); {
	case mode&others != 0:
		return "everyone on this machine"
	case mode&groupWrites != 0, mode&groupReads != 0 && int(owner.Uid) == user:
		return "its group"
	}
	return ""
}

// warnOfExposed logs which files with secrets others can read: the database with the hashes of
// passwords, and the configuration if it has the database's password in it.
func (c Config) warnOfExposed(log *slog.Logger) {
	var files []string
	if !store.IsPostgres(c.Database) {
		files = append(files, c.Database, c.Database+"-wal", c.Database+"-shm")
	}
	if c.file != "" && c.hasPassword() {
		files = append(files, c.file)
	}
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			continue // it may not be there
		}
		if readers := whoReads(info, os.Geteuid()); readers != "" {
			log.Warn("a file with secrets isn't private", "path", path, "mode", fmt.Sprintf("%04o", info.Mode().Perm()), "open_to", readers, "do", "chmod 600 "+path)
		}
	}
	if store.IsPostgres(c.Database) {
		return
	}
	folder := filepath.Dir(c.Database)
	if info, err := os.Stat(folder); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		log.Warn("everyone on this machine can replace the database, because its folder isn't private", "path", folder, "do", "chmod 700 "+folder)
	}
}

func (c Config) hasPassword() bool {
	u, err := url.Parse(c.Database)
	if err != nil {
		return true // an address that can't be parsed may have one
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}
