package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

func TestRunServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- run(ctx, address, filepath.Join(t.TempDir(), "new", "esign.db")) }()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		res, err := http.Get("http://" + address + "/Api/v6/system/version")
		if err == nil {
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK || string(body) != `{"Version":"1.0.0"}` {
				t.Errorf("got %d %s", res.StatusCode, body)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestRunReturnsErrors(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), "127.0.0.1:99999", filepath.Join(t.TempDir(), "esign.db")); err == nil {
		t.Error("it listens on a port that doesn't exist")
	}
	if err := run(t.Context(), "127.0.0.1:0", t.TempDir()); err == nil {
		t.Error("it opens a folder as its database")
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
