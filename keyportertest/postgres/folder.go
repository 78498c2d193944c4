package postgres

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

const (
	folderPrefix = "keyporter-postgres-"
	lockName     = "lock"
	sharedMemory = "/dev/shm"
)

// memory returns a folder in memory where there is room for the databases of many tests, and otherwise "", for
// os.TempDir: to create and delete a database there takes half as much CPU.
func memory() string {
	const enough = 4 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(sharedMemory, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < enough {
		return ""
	}
	return sharedMemory
}

// socketFolder returns a folder for sockets that the test removes.
func socketFolder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "keyporter") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// lockFolder locks a new folder for as long as this process lives, however it ends. The lock gets
// its name only once it is held.
func lockFolder(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = lock(f)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// removeAbandoned deletes the folders of processes that were killed before they could do so.
func removeAbandoned() {
	var locks []string
	for _, dir := range []string{sharedMemory, os.TempDir()} {
		found, _ := filepath.Glob(filepath.Join(dir, folderPrefix+"*", lockName))
		locks = append(locks, found...)
	}
	for _, path := range locks {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if lock(f) == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = f.Close()
	}
}
