package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

func TestRunServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- run(ctx, listener, filepath.Join(t.TempDir(), "new", "esign.db")) }()
	res, err := http.Get("http://" + listener.Addr().String() + "/Api/v6/system/version")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || string(body) != `{"Version":"1.0.0"}` {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestRunReturnsErrors(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	if err := run(t.Context(), listener, t.TempDir()); err == nil {
		t.Error("it opens a folder as its database")
	}
	if err := listener.Close(); err == nil {
		t.Error("it still listens")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}
